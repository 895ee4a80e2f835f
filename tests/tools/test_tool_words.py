"""What the driver says at a terminal names what can be typed there, not the driver's Python."""

import ast
import re

import pytest

from bg95_host.compat import FIRMWARE
from bg95_host.tool_words import for_a_terminal

# What libraries and tasks import: no tool meets their words
FACES = {"aio", "compat", "debug"}
PYTHON = re.compile(r"\b(modem|ctx|bg95)\.\w|Modem\(|\bconnect\(")


def sentences():
    """Every text in the driver that names a call of its own, docstrings left out."""
    for path in sorted((FIRMWARE / "bg95").rglob("*.py")):
        if path.stem in FACES:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                # hints.plain() speaks to libraries; set_baudrate() is no tool's
                spoken = not node.value.startswith(("plain text is refused", "baudrate: "))
                spoken = (
                    spoken and " " in node.value
                )  # else it is a name, such as that of a package
                if id(node) not in docstrings and spoken and PYTHON.search(node.value):
                    yield node.value


@pytest.mark.parametrize("sentence", sentences())
def test_every_sentence_of_the_driver_has_words_for_a_terminal(sentence):
    said = for_a_terminal(sentence)
    assert not PYTHON.search(said)
    assert re.search(r"AT\+|`bg95|--\w|off and on", said)


def test_there_are_sentences_to_look_at():
    assert len(list(sentences())) > 10


def test_what_names_no_call_stays_as_it_is():
    assert for_a_terminal("AT+X: 3 (operation not allowed)") == "AT+X: 3 (operation not allowed)"


def test_the_console_and_the_doctor_speak_so(bg95, add_module):
    port = add_module(traits={"sim": "SIM PUK"}).path
    done = bg95("at", "--port", port, input="ATO\n")
    assert "bg95 provision" in done.stdout and "modem.files" not in done.stdout
    done = bg95("doctor", "--port", port)
    assert "AT+CPIN=<PUK>" in done.stdout and "modem." not in done.stdout
