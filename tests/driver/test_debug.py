"""`from bg95.debug import *` at the REPL of a board."""

import vm

SCRIPT = """
import bg95
modem = bg95.Modem(UART())
from bg95.debug import *
modem.active(True)
modem.connect("iot")
at("AT+CSQ")
at("AT+NOSUCH")
at("no command")
status()
modem.uart._ring.write(b"\\r\\n+NEWS: 1\\r\\n\\r\\n+NEWS: 2\\r\\n")
urcs()
trace()
at("ATI")
trace(False)
at("AT")
print("end")
"""


def test_the_short_names_print_what_one_wants_to_know(sim, options):
    out = vm.run(SCRIPT, sim, options).splitlines()
    assert out[0].startswith("+CSQ: ")
    assert out[1] == "OK"
    assert "NOSUCH" in out[2]
    assert "AT" in out[3]
    text = "\n".join(out)
    assert "<Modem BG95-M3" in text
    assert "registered   True" in text
    assert "+NEWS: 1\n+NEWS: 2\n" in text
    assert "> ATI" in text
    assert "< Revision:" in text
    assert out[-2:] == ["OK", "end"]
    assert "> AT\n" not in text.split("> ATI")[1]


def test_without_a_modem_the_boards_own_is_used(sim, options):
    script = """
import bg95
class wiring:
    @staticmethod
    def modem():
        return bg95.Modem(UART())
sys.modules["wiring"] = wiring
from bg95.debug import *
at("AT")
"""
    assert vm.run(script, sim, options).splitlines()[-1] == "OK"
