"""What a tool does at a module, beyond the driver's own calls. Runs beside the driver, wherever that is.

Plain enough for MicroPython: on a board this file's text is sent and executed, on the PC it is
imported. `modem` is a bg95.Modem.
"""


def examine(modem, bg95, apn="", server="", port=0, cafile=""):
    """Chapter 4's checklist, and a connection to `server` if one is named.

    Returns (what, ok, seen, advice) tuples; ok is True, False, or None where nobody can tell.
    """
    try:
        modem.active(True)
    except bg95.ModemError as error:
        return [("module", False, str(error), "")]
    findings = []
    if apn:
        findings.append(_online(modem, bg95, apn))
    context = None
    if server:
        context = bg95.SSLContext(modem, 5)  # the last one, which applications use least
        if cafile:
            context.load_verify_locations(cafile=cafile)
    findings = [tuple(finding) for finding in modem.diagnose()] + findings
    if context:
        findings.append(_connection(bg95, context, server, port))
    return findings


def _online(modem, bg95, apn):
    try:
        modem.connect(apn)
    except bg95.ModemError as error:
        return ("going online", False, str(error), "see the findings above, from the top")
    return ("going online", True, modem.ipconfig("addr4"), "")


def _connection(bg95, context, server, port):
    what = "TLS to %s:%d" % (server, port)
    try:
        context.connect(server, port).close()
    except (bg95.ModemError, ValueError) as error:
        return (what, False, str(error), "work through the causes in the order given")
    return (what, True, "connected, certificate verified", "")


def command(modem, bg95, text, timeout_ms):
    """Any AT command; the lines of its answer. A module that was silent before it was sent is looked for anew."""
    try:
        return modem.command(text, timeout_ms)
    except bg95.ModemError:
        if not modem._at.dead:  # else nothing was sent
            raise
    modem.active(True)
    return modem.command(text, timeout_ms)


class Urcs:
    """Collects URCs until somebody asks."""

    def __init__(self, modem):
        self._modem = modem
        self._lines = []
        modem.on_urc("", self._lines.append)

    def take(self):
        """Those that came since the last call, as strings."""
        self._modem.poll()
        taken = [line.decode() for line in self._lines]
        del self._lines[:]
        return taken
