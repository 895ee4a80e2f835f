"""What every host tool raises for a user to read."""


class ToolError(Exception):
    """Something the user can act on: one sentence that says what happened and what to do next.

    The command line prints it and exits with status 1; anything else that escapes is a defect.
    """
