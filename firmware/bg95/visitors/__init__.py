"""Parts of the driver that are loaded for one flow and leave again, see ../visit.py and ../README.md."""
