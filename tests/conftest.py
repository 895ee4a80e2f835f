"""What all tests share."""

import signal

from bg95_host import compat

# A script's background jobs are started deaf to Ctrl-C, and so would be what tests start and end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_teardown():
    """Give the driver on CPython the PC's clock again: where one test has made time stand still, the next would wait
    for ever."""
    compat.set_clock(None)


def pytest_terminal_summary(terminalreporter):
    """Print what tests recorded with `record_property("coverage", ...)`; workers cannot print."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "coverage":
                terminalreporter.write_line(value)
