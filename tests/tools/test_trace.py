"""`bg95 trace`: a recorded conversation as spans, a timeline, a page and Perfetto events."""

import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from bg95_host import trace
from bg95_host.errors import ToolError
from bg95_host.module_link import DirectLink
from bg95_host.trace import views
from bg95_host.trace.records import Record, Span

LINES = """\
{"t": 100.0, "dir": "host", "text": "AT+QSSLSEND=0,18"}
{"t": 100.25, "dir": "host", "len": 18}
{"t": 100.3, "dir": "module", "text": "SEND OK"}
{"t": 100.4, "dir": "urc", "text": "+QSSLURC: \\"recv\\",0"}
{"t": 100.5, "dir": "host", "text": "AT+QSSLRECV=0,1500"}
{"t": 100.5, "dir": "module", "text": "+QSSLRECV: 5"}
{"t": 100.5, "dir": "module", "len": 5}
{"t": 100.6, "dir": "module", "text": "OK"}
{"t": 101.0, "dir": "host", "text": "AT+X<&>"}
{"t": 101.0, "dir": "module", "text": "ERROR"}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_text(LINES)
    return path


def test_times_start_at_zero_and_sizes_are_kept(file):
    records = trace.load(file)
    assert records[0] == Record(0.0, "host", "AT+QSSLSEND=0,18")
    assert records[1] == Record(0.25, "host", size=18)
    assert len(records) == 10


def test_a_span_runs_from_the_command_to_its_final_result(file):
    send, receive, refused = trace.spans(trace.load(file))
    assert send == Span("AT+QSSLSEND=0,18", 0.0, 0.3, "SEND OK", sent=18)
    assert receive == Span("AT+QSSLRECV=0,1500", 0.5, 0.6, "OK", received=5)
    assert (refused.result, refused.failed) == ("ERROR", True)


def test_a_command_without_an_answer_has_failed():
    (span,) = trace.spans([Record(0, "host", "AT"), Record(1, "urc", "RING")])
    assert span.failed and span.result == ""


def test_the_drivers_own_trace_is_read_as_well(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(
        "     0.500 > AT+QSSLSEND=0,18\n"
        "     0.510 TX 18 bytes\n"
        "     0.600 < SEND OK\n"
        '     0.700 < +QSSLURC: "recv",0\n'
    )
    records = trace.load(path)
    assert [record.direction for record in records] == ["host", "host", "module", "urc"]
    assert trace.spans(records) == [Span("AT+QSSLSEND=0,18", 0.0, 0.1, "SEND OK", sent=18)]


def test_what_the_driver_writes_today_is_readable(add_module, tmp_path):
    path = tmp_path / "trace.txt"
    with DirectLink(add_module().path) as link, path.open("w") as stream:
        link.activate()
        link._modem.trace(stream)
        link.command("AT+CSQ", 3)
        link.upload("a.txt", b"x" * 300)
        link._modem.trace(None)
    spans = trace.spans(trace.load(path))
    assert spans[0].command == "AT+CSQ" and spans[0].result == "OK"
    assert any(span.command.startswith("AT+QFUPL=") for span in spans)


def test_the_simulators_trace_is_readable(add_module, tmp_path):
    path = tmp_path / "trace.jsonl"
    with DirectLink(add_module(trace=path).path) as link:
        link.activate()
    assert any(span.command == "ATE0" for span in trace.spans(trace.load(path)))


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "holds no AT trace"),
        ("hello\n", "is not an AT trace: look at line 1"),
        ('{"t": 1, "dir": "host"}\n{"t": 1}\n', "is not an AT trace: look at line 2"),
        ('{"t": 1, "dir": "nobody"}\n', "is not an AT trace: look at line 1"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(tmp_path, text, sentence):
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(ToolError, match=sentence):
        trace.load(path)


def test_the_timeline_shows_every_record_and_ends_with_the_sum(file):
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    views.print_timeline(trace.load(file), console)
    lines = console.export_text().splitlines()
    assert len(lines) == 11
    assert "→ AT+QSSLSEND=0,18" in lines[0]
    assert "+250 ms" in lines[1] and "18 bytes" in lines[1]
    assert lines[-1] == "3 commands (1 failed), 18 bytes out, 5 in, 1.000 s"


def test_perfetto_events_carry_microseconds_and_results(file):
    events = views.perfetto(trace.load(file))["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [(event["ts"], event["dur"], event["args"]["result"]) for event in slices] == [
        (0, 300_000, "SEND OK"),
        (500_000, 100_000, "OK"),
        (1_000_000, 1, "ERROR"),
    ]
    assert [event["name"] for event in events if event["ph"] == "i"] == ['+QSSLURC: "recv",0']
    assert [event["args"] for event in events if event["ph"] == "C"][-1] == {
        "sent": 18,
        "received": 5,
    }


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.rows = self.bars = 0
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.rows += tag == "tr"
        self.bars += tag == "rect"
        self.links += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_escapes_what_it_shows(file):
    text = views.page(trace.load(file), "a <b> & c")
    page = Page(text)
    assert (page.rows, page.bars, page.links) == (10, 4, [])
    assert "<title>a &lt;b&gt; &amp; c</title>" in text
    assert "AT+X&lt;&amp;&gt;" in text and "AT+X<&>" not in text


def test_the_command_writes_both_files_and_prints_spans(bg95, file, tmp_path):
    page, events = tmp_path / "t.html", tmp_path / "t.json"
    assert bg95("trace", file, "--html", page, "--perfetto", events).exit_code == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(events.read_text())["traceEvents"]
    printed = json.loads(bg95("trace", file, "--json").stdout)
    assert [span["result"] for span in printed] == ["SEND OK", "OK", "ERROR"]
    assert "cannot be read: No such file" in bg95("trace", tmp_path / "none").sentence
