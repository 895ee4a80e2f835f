"""The friendly REPL, as a person with a terminal meets it."""

import pytest

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (
    b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B", b"\x1b[H", b"\x1b[F", b"\x1b[3~",
)  # fmt: skip
BACKSPACE, CTRL_C, CTRL_D, CTRL_E, CTRL_U = b"\x7f", b"\x03", b"\x04", b"\x05", b"\x15"


def test_the_value_of_an_expression_is_printed(terminal):
    assert terminal.ask("1 + 2") == "3\n"
    assert terminal.ask("x = 5") == ""
    assert terminal.ask("x") == "5\n"


def test_what_a_program_prints_has_carriage_returns(terminal):
    terminal.type("print('a'); print('b')\r")
    assert terminal.expect(b">>> ").endswith(b"\r\na\r\nb\r\n>>> ")


def test_a_traceback_shows_only_what_was_typed(terminal):
    assert terminal.ask("1/0") == (
        'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\n'
        "ZeroDivisionError: divide by zero\n"
    )


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (b"123" + BACKSPACE, 12),
        (b"13" + LEFT + b"2", 123),
        (b"23" + HOME + b"1" + END + b"4", 1234),
        (b"1923" + LEFT + LEFT + BACKSPACE, 123),
        (b"1923" + LEFT * 3 + DELETE, 123),
        (b"junk" + CTRL_U + b"7", 7),
        (b"12" + LEFT * 5 + RIGHT + b"0", 102),
    ],
)
def test_line_editing(terminal, keys, value):
    terminal.type(keys + b"\r")
    terminal.expect(f"\r\n{value}\r\n>>> ")


def test_history_recalls_lines(terminal):
    terminal.ask("10 + 1")
    terminal.ask("20 + 2")
    terminal.type(UP + UP + b"\r")
    terminal.expect("\r\n11\r\n>>> ")
    terminal.type(UP + UP + DOWN + b"\r")
    terminal.expect("\r\n11\r\n>>> ")


def test_characters_beyond_ascii(terminal):
    assert terminal.ask("len('häß')") == "3\n"


def test_a_block_is_continued_indented_and_ended_by_a_blank_line(terminal):
    terminal.type("def double(n):\r")
    terminal.expect("...     ")
    terminal.type("return 2 * n\r\r")
    terminal.expect(">>> ")
    assert terminal.ask("double(21)") == "42\n"


def test_open_brackets_and_quotes_are_continued(terminal):
    terminal.type("sum([1,\r")
    terminal.expect("... ")
    terminal.type("2])\r")
    terminal.expect("\r\n3\r\n>>> ")
    terminal.type("len('''a\rb''')\r")
    terminal.expect("\r\n3\r\n>>> ")


def test_tab_completes_names_and_attributes(terminal):
    terminal.ask("import machine")
    terminal.type("machi\t.UAR\t.__name__\r")
    terminal.expect("\r\n'UART'\r\n>>> ")


def test_paste_mode_runs_a_program_as_it_is(terminal):
    terminal.type(CTRL_E)
    terminal.expect("=== ")
    terminal.type(b"for i in range(2):\r    if i:\r\r        print('pasted', i)\r" + CTRL_D)
    terminal.expect("\r\npasted 1\r\n>>> ")


def test_ctrl_c_drops_a_line_and_interrupts_a_program(terminal):
    terminal.type(b"not python at all" + CTRL_C)
    terminal.expect(">>> ")
    terminal.type("[print('on') or None for i in range(10**9) if i in (0, 10**9)]\r")
    terminal.expect("\r\non\r\n")
    terminal.type(CTRL_C)
    assert b"KeyboardInterrupt" in terminal.expect(">>> ")


def test_ctrl_d_soft_resets_and_runs_main_py(board_file, terminal):
    board_file("main.py", "print('main runs')\n")
    terminal.ask("left_over = 1")
    terminal.type(CTRL_D)
    terminal.expect("MPY: soft reboot\r\n")
    terminal.expect("main runs\r\n")
    terminal.expect(">>> ")
    assert "NameError" in terminal.ask("left_over")


def test_the_driver_can_be_imported_by_hand(deployed, terminal):
    terminal.ask("import bg95")
    assert terminal.ask("bg95.Modem.__name__") == "'Modem'\n"


@pytest.fixture
def board_file(rig):
    """Writes a file on the board, which is removed at the end."""
    from bg95_host.mpremote_link import BoardLink

    written = []

    def write(name, text):
        with BoardLink(rig.port, soft_reset=False) as link:
            link.write_file(name, text.encode())
        written.append(name)

    yield write
    with BoardLink(rig.port) as link:
        for name in written:
            link.execute(f"import os; os.remove({name!r})")


@pytest.fixture
def deployed(rig):
    from bg95_host.deploy import deploy

    return deploy(rig.port, rig.board)
