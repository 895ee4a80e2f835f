"""What every host tool raises for a user to read."""


class ToolError(Exception):
    """Something the user can act on: one sentence that says what happened and what to do next.

    The command line prints it and exits with `status`; anything else that escapes is a defect.
    """

    status = 1


class UsageError(ToolError):
    """What was asked for cannot be, whatever is connected."""

    status = 2


def said_by(error: BaseException) -> str:
    """The first line of what an exception says; of pyserial's, the system's own words."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "returned no data" in said:  # of a port that was readable and at its end
        return "is the cable still in?"
    return said.rpartition("[Errno")[2].partition("] ")[2] or said
