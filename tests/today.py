"""The day on which the tests play. Whatever has a date there is made from this one, and nothing from the PC's."""

from datetime import datetime, timezone

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
