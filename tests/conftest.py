"""What all tests share."""


def pytest_terminal_summary(terminalreporter):
    """Print what tests recorded with `record_property("coverage", ...)`; workers cannot print."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "coverage":
                terminalreporter.write_line(value)
