"""The reference data itself: complete, consistent, and matched the way README.md says."""

import re
from collections.abc import Callable

import pytest

from spec import ROWS, SECTIONS, SEQUENCES, Answer, Row, at_server
from spec.reference import FORMS, HERE, TAGS, WORDS, decode

PHRASES = {kind: [Answer(word) for word in words] for kind, words in WORDS.items()}


def known(kind: str, phrase: str) -> bool:
    """Return whether words.toml explains `phrase`."""
    return any(word.matches(phrase.encode("latin-1")) for word in PHRASES[kind])


def offenders(right: Callable[[Row], bool]) -> list[str]:
    """Return the ids of the rows for which `right` is false."""
    return [row.id for row in ROWS.values() if not right(row)]


def test_every_documented_section_has_documented_rows_or_sequences() -> None:
    items = (*ROWS.values(), *SEQUENCES.values())
    covered = {item.section for item in items if item.tag in ("D", "D96")}
    documented = {number for number, section in SECTIONS.items() if section["documented"]}
    assert covered == documented


def test_fields_have_legal_values() -> None:
    assert offenders(lambda row: row.tag in TAGS and row.form in FORMS) == []
    assert offenders(lambda row: row.section in SECTIONS) == []
    assert offenders(lambda row: bool(row.answers) and row.max_ms > 0) == []
    assert offenders(lambda row: all(known("given", phrase) for phrase in row.given)) == []
    assert offenders(lambda row: not row.event or known("event", row.event)) == []


def test_rows_name_a_call_of_the_api_or_say_why_not() -> None:
    assert offenders(lambda row: bool(row.api) != bool(row.why)) == []


@pytest.mark.parametrize(
    ("form", "request_pattern"),
    [
        ("test", rb"AT.*=\?\r"),
        ("read", rb"AT[^=]*\?\r"),
        ("write", rb"AT.*=.*\r\n?"),
        ("exec", rb"([Aa][Tt].*|\+\+\+)\r\n?|A/"),
        ("data", rb".+"),
        ("urc", rb""),
    ],
)
def test_requests_have_their_form(form: str, request_pattern: bytes) -> None:
    pattern = re.compile(request_pattern, re.DOTALL)
    assert offenders(lambda row: row.form != form or bool(pattern.fullmatch(row.send))) == []


def test_setup_leads_to_the_row() -> None:
    assert (
        offenders(
            lambda row: all(step in ROWS or re.fullmatch(r"AT.*\\r", step) for step in row.setup)
        )
        == []
    )
    assert offenders(lambda row: row not in row.before()) == []


def test_examples_match_their_own_template() -> None:
    def right(row: Row) -> bool:
        return all(
            answer.matches(answer.example)
            and answer.length_in(answer.example + b"\r\nRDY\r\n") == len(answer.example)
            and b"{" not in answer.example
            for answer in row.answers
        )

    assert offenders(right) == []


def test_documented_answers_are_framed_as_section_0_3_says() -> None:
    def framed(row: Row) -> bool:
        answer = row.answers[0].example
        return not answer or answer == b"\r\n> " or answer.startswith(b"\r\n")

    # What has no CRLF in front: an echo, numeric result codes, raw data, the byte A of an upload.
    bare = re.compile("echo|ate0$|ate1-next|atv0|transparent-recv|qfupl-acknowledged-(sec|block)")
    assert [id for id in offenders(framed) if not bare.search(id)] == []


def test_sequences_use_known_steps_and_examples_match() -> None:
    assert len(SEQUENCES) >= 6
    for sequence in SEQUENCES.values():
        assert bool(sequence.api) != bool(sequence.why)
        for who, what in sequence.steps:
            assert who in "HME"
            if who == "M":
                assert Answer(what).matches(Answer(what).example)
            if who == "E":
                assert known("event", what), what


def test_all_words_are_used() -> None:
    steps = [step for sequence in SEQUENCES.values() for step in sequence.steps]
    used = {
        "given": {phrase for row in ROWS.values() for phrase in row.given},
        "event": {row.event for row in ROWS.values()} | {what for who, what in steps if who == "E"},
    }
    unused = {
        word.template
        for kind, words in PHRASES.items()
        for word in words
        if not any(word.matches(phrase.encode("latin-1")) for phrase in used[kind])
    }
    assert unused == set()


def test_all_placeholders_are_documented() -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    templates = [answer.template for row in ROWS.values() for answer in row.answers]
    kinds = {kind for text in templates for kind in re.findall(r"\{([a-z]+)[:=}]", text)}
    assert {kind for kind in kinds if f"`{{{kind}" not in readme} == set()


@pytest.mark.parametrize(
    ("template", "right", "wrong"),
    [
        (r"+X: {int:0-11}", [b"+X: 0", b"+X: 11"], [b"+X: 12", b"+X: ", b"+X: -1", b"+X: 1 "]),
        (r"{signed},{hex}", [b"-6,1aF", b"7,0"], [b"--6,0", b"6,", b"6,g"]),
        (r'"{str}"\r\n', [b'"a b"\r\n', b'""\r\n'], [b'"a"b"\r\n', b'"a\r\n"\r\n']),
        (r"{word},{rest}", [b"a,", b"a,b,c"], [b",a", b"a,b\r"]),
        (r"{data:3}OK", [b"\r\n\x00OK"], [b"\r\nOK", b"1234OK"]),
        (r"{lines}\r\nOK", [b"a\r\nb\r\n\r\nOK"], [b"\r\nOK"]),
        (r"\x1a\\(.)", [b"\x1a\\(.)"], [b"\x1a\\(x)"]),
    ],
)
def test_placeholders_match_what_they_stand_for(template, right, wrong) -> None:
    answer = Answer(template)
    assert [data for data in right if not answer.matches(data)] == []
    assert [data for data in wrong if answer.matches(data)] == []


def test_answer_at_the_start_of_a_stream() -> None:
    answer = Answer(r"\r\n+QSSLOPEN: {int:0-11},{int:0-574}\r\n")
    assert answer.length_in(b"\r\n+QSSLOPEN: 4,566\r\n\r\nRDY\r\n") == 20
    assert answer.length_in(b"\r\n+QSSLOPEN: 4,575\r\n") is None
    assert answer.length_in(b"\r\n+QSSLOPEN: 4,5") is None


def test_server_of_the_examples_is_replaced() -> None:
    sent = ROWS["qsslopen-buffer"].send
    assert at_server(sent, "127.0.0.1", 4433) == b'AT+QSSLOPEN=1,1,4,"127.0.0.1",4433,0\r'
    assert at_server(b"AT\r", "127.0.0.1", 4433) == b"AT\r"


def test_each_makes_rows() -> None:
    assert ROWS["context-id-5"].send == b'AT+QSSLCFG="seclevel",5\r'
    assert ROWS["qsslcfg-sni-query-1"].setup == ("qsslcfg-sni-set-1",)


def test_notation() -> None:
    assert decode(r"\r\n\x1a\\n\xff") == b"\r\n\x1a\\n\xff"
