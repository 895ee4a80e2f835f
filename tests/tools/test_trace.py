"""`bg95 trace`: a recorded conversation as spans, a timeline, a page and Perfetto events."""

import contextlib
import io
import itertools
import json
import math
import re

import pytest
from rich.console import Console
from tools.pages import Page

from bg95_host import trace
from bg95_host.errors import ToolError
from bg95_host.module_link import DirectLink, ModuleError
from bg95_host.trace import views
from bg95_host.trace.perfetto import perfetto
from bg95_host.trace.picture import picture
from bg95_host.trace.records import Record, Span, parse

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


def test_a_file_command_runs_until_its_data_is_over():
    records = [
        Record(0, "host", 'AT+QFUPL="a",9,5'),
        Record(1, "module", "CONNECT"),
        Record(2, "host", size=9),
        Record(3, "module", "+QFUPL: 9,0"),
        Record(4, "module", "OK"),
    ]
    assert trace.spans(records) == [Span('AT+QFUPL="a",9,5', 0, 4, "OK", sent=9)]


OPENED = """\
     0.000 > AT+QSSLOPEN=1,1,0,"a.test",443,0
     0.010 < OK
     0.020 > AT+QSSLOPEN=1,1,2,"b.test",443,0
     0.030 < OK
     0.040 > AT+QSSLOPEN=1,1,2,"b.test",443,0
     0.050 < ERROR
     0.100 > AT+CSQ
     0.500 < +QSSLOPEN: 2,566
     0.600 < +CSQ: 20,99
     0.610 < OK
     2.000 < +QSSLOPEN: 0,0
"""


def test_a_late_result_is_joined_to_its_command_by_the_id():
    records = parse(OPENED)
    first, second, again, csq = trace.spans(records)
    assert (first.end, first.result, first.failed) == (2.0, "+QSSLOPEN: 0,0", False)
    assert (second.end, second.result, second.failed) == (0.5, "+QSSLOPEN: 2,566", True)
    assert (again.result, again.end) == ("ERROR", 0.05)
    assert (csq.end, csq.result, csq.failed) == (0.61, "OK", False)
    assert views.summary(records).startswith("4 commands (2 failed)")
    page = Page(views.page(records, "t"))
    assert "→ +QSSLOPEN: 2,566" in page.shown
    assert page.loads == ["#line3", "#line5"]
    assert 'class="urc refused" id="line8"' in views.page(records, "t")
    console = Console(file=io.StringIO(), width=200)
    views.print_timeline(records, console)
    assert "◂ +QSSLOPEN: 2,566 AT+QSSLOPEN of 0.020, 480 ms" in console.file.getvalue()


def test_perfetto_shows_a_late_result_beside_the_command_that_only_began_it():
    events = perfetto(parse(OPENED))["traceEvents"]
    assert [event["dur"] for event in events if event["ph"] == "X"] == [10e3, 10e3, 10e3, 510e3]
    begun = {event["id"]: event for event in events if event["ph"] == "b"}
    ended = {event["id"]: event for event in events if event["ph"] == "e"}
    assert {key: (begun[key]["ts"], ended[key]["ts"]) for key in begun} == {
        0: (0, 2_000_000),
        2: (20_000, 500_000),
    }
    assert {event["args"]["result"] for event in begun.values()} == {
        "+QSSLOPEN: 0,0",
        "+QSSLOPEN: 2,566",
    }


@pytest.mark.parametrize(
    ("command", "told", "result", "failed"),
    [
        ('AT+QIOPEN=1,3,"TCP","a",80,0,1', ["+QIOPEN: 4,0", "+QIOPEN: 3,565"], 1, True),
        ('AT+QPING=1,"a",4,1', ['+QPING: 0,"1.2.3.4",32,80,255', "+QPING: 0,1,1,0,80,80,80"], 1, False),
        ('AT+QPING=1,"a"', ["+QPING: 569"], 0, True),
        ('AT+QIDNSGIP=1,"a"', ['+QIURC: "recv",0', '+QIURC: "dnsgip",565'], 1, True),
        ('AT+QIDNSGIP=1,"a"', ['+QIURC: "dnsgip",564', '+QIURC: "dnsgip",0,1,600', '+QIURC: "dnsgip","1.2"'], 1, False),
        ('AT+QNTP=1,"a"', ['+QNTP: 0,"2026/11/25,10:00:00+00"'], 0, False),
        ('AT+QMTOPEN=0,"a",8883', ["+QMTOPEN: 0,-1"], 0, True),
        ('AT+QMTSUB=0,7,"t",1', ["+QMTSUB: 0,7,0,1"], 0, False),
        ('AT+QMTPUB=0,7,1,0,"t",2', ["+QMTPUB: 0,7,2"], 0, True),
        ("AT+QHTTPGET=80", ["+QHTTPGET: 0,200,5"], 0, False),
        ("AT+QHTTPGET", ["+QHTTPGET: 702"], 0, True),
        ('AT+QSSLOPEN=1,1', ["+QSSLOPEN: x"], None, False),
        ('AT+QIOPEN=?', ["+QIOPEN: 0,1"], None, False),
    ],
)  # fmt: skip
def test_every_command_of_that_kind_has_its_result(command, told, result, failed):
    records = [Record(0, "host", command), Record(1, "module", "OK")]
    records += [Record(2 + number, "urc", text) for number, text in enumerate(told)]
    (span,) = trace.spans(records)
    assert span.result == ("OK" if result is None else told[result])
    assert span.end == (1 if result is None else 2 + result)
    assert span.failed == failed


def test_a_late_result_that_comes_before_ok_counts():
    """Seen on a BG95-M5, and with ERROR behind it (at-commands-more.md)."""
    for final in ("OK", "ERROR"):
        records = [
            Record(0, "host", 'AT+QMTOPEN=0,"a",1883'),
            Record(1, "urc", "+QMTOPEN: 0,-1"),
            Record(2, "module", final),
            Record(3, "host", "AT"),
            Record(4, "module", "OK"),
        ]
        opened, at = trace.spans(records)
        assert opened.failed and opened.result == "+QMTOPEN: 0,-1" and at.result == "OK"


def test_the_answer_that_a_file_is_not_there_is_no_failure():
    records = [
        Record(0, "host", 'AT+QFLST="ca.pem"'),
        Record(1, "module", "+CME ERROR: 405"),
        Record(2, "host", 'AT+QFDEL="ca.pem"'),
        Record(3, "module", "+CME ERROR: 405"),
    ]
    assert [span.failed for span in trace.spans(records)] == [False, True]
    assert Page(views.page(records, "t")).loads == ["#line3"]


def test_modules_in_one_trace_do_not_answer_for_each_other():
    records = [
        Record(0, "host", "AT+CSQ", module="1"),
        Record(1, "host", "AT+CPIN?", module="2"),
        Record(2, "module", "ERROR", module="2"),
        Record(3, "module", "OK", module="1"),
    ]
    assert [(span.module, span.result) for span in trace.spans(records)] == [
        ("1", "OK"),
        ("2", "ERROR"),
    ]
    page = Page(views.page(records, "two"))
    assert page.classes["picture"] == 2 and "[1] AT+CSQ" in page.shown
    events = perfetto(records)["traceEvents"]
    assert {event["args"]["name"] for event in events if event["name"] == "process_name"} == {
        "1",
        "2",
    }


def test_the_drivers_own_trace_is_read_as_well(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(
        "     0.500 > AT+QSSLSEND=0,18\n"
        "     0.510 > 18 bytes\n"
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
        ("\0\xff\n", "is not an AT trace: look at line 1"),
        ('{"t": NaN, "dir": "host"}\n', "is not an AT trace: look at line 1"),
        ('{"t": 1, "dir": "host", "len": 1e999}\n', "is not an AT trace: look at line 1"),
        ('{"t": 1, "dir": "host", "text": "\\ud800"}\n', "is not an AT trace: look at line 1"),
        ("hello\n", "is not an AT trace: look at line 1"),
        ('{"t": 1, "dir": "host"}\n{"t": 1}\n', "is not an AT trace: look at line 2"),
        ('{"t": 1, "dir": "nobody"}\n', "is not an AT trace: look at line 1"),
        ('{"t": 1e308, "dir": "host"}\n', "is not an AT trace: look at line 1"),
        (f"{'9' * 400}.000 > AT\n", "is not an AT trace: look at line 1"),
        ('{"t": 1, "dir": "host", "len": -1}\n', "is not an AT trace: look at line 1"),
        (f'{{"t": 1, "dir": "host", "len": {"9" * 4000}}}\n', "is not an AT trace: look at line 1"),
        (f'{{"t": 1, "dir": "host", "text": {"[" * 5000}\n', "is not an AT trace: look at line 1"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(tmp_path, text, sentence):
    path = tmp_path / "x"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ToolError, match=sentence):
        trace.load(path)


@pytest.mark.parametrize("cut", ['{"t": 2, "dir": "mod', "    2.000 < O", "    2."])
def test_a_trace_that_a_crash_cut_off_is_shown_up_to_there(cut):
    records = parse('{"t": 1, "dir": "host", "text": "AT"}\n' + cut)
    assert records[0].text == "AT"
    assert records[1].text in ("the trace was cut off here", "O")


def test_the_timeline_shows_every_record_and_ends_with_the_sum(file):
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    views.print_timeline(trace.load(file), console)
    lines = console.export_text().splitlines()
    assert len(lines) == 11
    assert "→ AT+QSSLSEND=0,18" in lines[0]
    assert "+250 ms" in lines[1] and "18 bytes" in lines[1]
    assert lines[-1] == "3 commands (1 failed), 18 bytes out, 5 in, 1.000 s"


def test_no_word_of_the_timeline_is_cut_on_a_narrow_terminal():
    text = "client 0: certificate refused at depth 0: unable to get local issuer certificate; offering older TLS"
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    views.print_timeline([Record(0, "log", text)], console)
    first, second, _ = console.file.getvalue().splitlines()
    assert len(first) <= 80 and f"{first} {second.strip()}".endswith(text)
    assert second.index("get") == first.index("client")


ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\r"


def test_what_a_terminal_would_obey_is_shown(bg95, tmp_path):
    file = tmp_path / "trace.jsonl"
    lines = [
        {"t": 0, "dir": "host", "text": f'AT+QIOPEN{ESCAPES}=1,0,"TCP"', "module": ESCAPES},
        {"t": 1, "dir": "log", "text": ESCAPES, "note": ESCAPES},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = bg95("trace", file).stdout
    assert r"\x1b]0;title\x07\x1b[2J\x9b31m\u202e\r" in shown
    assert shown.isprintable() or set(filter(lambda c: not c.isprintable(), shown)) == {"\n"}


def test_perfetto_events_carry_microseconds_and_results(file):
    events = perfetto(trace.load(file))["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [(event["ts"], event["dur"], event["args"]["result"]) for event in slices] == [
        (0, 300_000, "SEND OK"),
        (500_000, 100_000, "OK"),
        (1_000_000, 0, "ERROR"),
    ]
    assert [event["name"] for event in events if event["ph"] == "i"] == ['+QSSLURC: "recv",0']
    assert [event["args"] for event in events if event["ph"] == "C"][-1] == {
        "sent": 18,
        "received": 5,
    }


def test_perfetto_events_follow_the_format():
    """Every event is placed, slices of a thread do not overlap, no thread is taken for another's.

    Perfetto merges a thread numbered 0 or like its process with others of its own.
    """
    records = [
        Record(0.001, "host", "AT", module=name) for name in ("1", "2") for _ in range(3)
    ] + [Record(0.002, "module", "OK", module="1"), Record(0.003, "urc", "RDY", module="2")]
    events = perfetto(records)["traceEvents"]
    for event in events:
        assert {"ph", "ts", "pid", "tid", "name"} <= event.keys()
        assert event["tid"] not in (0, event["pid"])
    threads = {(event["pid"], event["tid"]) for event in events}
    assert len({tid for _, tid in threads}) == len(threads)
    names = [event for event in events if event["name"] == "thread_name"]
    assert {(event["pid"], event["tid"]) for event in names} == threads
    for thread in threads:
        slices = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == thread]
        for one, two in itertools.pairwise(slices):
            assert one["ts"] + one["dur"] <= two["ts"]


HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&lt;"


def test_nothing_in_a_trace_becomes_markup():
    records = [Record(0, "host", f"AT{HOSTILE}", 5, HOSTILE, HOSTILE)]
    records += [Record(1, who, HOSTILE, module=HOSTILE) for who in ("urc", "pin", "net", "log")]
    records += [Record(2, "module", f"+CME ERROR: {HOSTILE}", module=HOSTILE)]
    page, plain = (Page(views.page(each, HOSTILE)) for each in (records, [Record(0, "host", "AT")]))
    page.assert_stands_alone()
    assert page.tags["script"] == plain.tags["script"] == 1
    assert page.tags["style"] == 1 and page.tags["img"] == 0
    assert page.shown.count(HOSTILE) > 2 * len(records)


def test_the_page_shows_what_was_refused_first_and_every_record(file):
    text = views.page(trace.load(file), "a trace")
    page = Page(text)
    page.assert_stands_alone()
    assert page.loads == ["#line9"] and 'id="line9"' in text
    assert page.tags["tr"] == 1 + 10
    assert page.classes["refused"] == 2  # the command in the picture, its result in the table
    assert page.shown.index("AT+X<&> → ERROR") < page.shown.index("AT+QSSLSEND")
    assert page.shown.count("AT+QSSLSEND=0,18") == 2


def test_payload_of_every_mode_is_drawn():
    """Of direct push it comes with a URC."""
    records = [
        Record(0, "host", size=1000),
        Record(1, "urc", size=300),
        Record(2, "module", size=40),
    ]
    shown = Page(picture(records, until=2)).shown
    assert "sent 1,000 B" in shown and "received 340 B" in shown


def test_the_picture_of_a_long_trace_stays_small():
    records = []
    for number in range(20_000):
        records += [Record(number, "host", "AT", 10), Record(number, "module", "OK", 10)]
        records += [Record(number, "urc", "RING")]
    assert len(picture(records, until=20_000)) < 500_000


@pytest.mark.parametrize("seconds", [0, 0.004, 0.9, 1, 7, 59.9, 3600, 1e6])
def test_the_axis_has_few_round_ticks(seconds):
    drawn = picture([Record(0, "host", "AT")], until=seconds)
    ticks = [float(tick) for tick, _ in re.findall(r">([\d.e+]+)( m?s)?</text>", drawn)]
    assert 2 <= len(ticks) <= 7 and ticks[0] == 0
    step = ticks[1]
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


SECRETS = {
    "PIN": "48151623",
    "APN password": "hunter2secret",
    "PSK": "00c0ffee00c0ffee",
    "key": "-----BEGIN PRIVATE KEY-----",
}


def test_no_secret_reaches_a_view(add_module, tmp_path):
    files = [tmp_path / "module.jsonl", tmp_path / "driver.txt"]
    with DirectLink(add_module(trace=files[0]).path) as link, files[1].open("w") as stream:
        link.activate()
        link._modem.trace(stream)
        for line in (
            f'AT+CPIN="{SECRETS["PIN"]}"',
            f'AT+QICSGP=1,1,"apn","me","{SECRETS["APN password"]}",1',
            f'AT+QSSLCRYPT="AES","0123456789abcdef",0,1,"{SECRETS["PSK"]}"',
        ):
            with contextlib.suppress(ModuleError):
                link.command(line, 3)
        link.upload("0_server.psk", f"me&{SECRETS['PSK']}".encode())
        link.upload("my.key", f"{SECRETS['key']}\nMII".encode())
        link._modem.trace(None)
    for file in files:
        records = trace.load(file)
        assert sum("QICSGP" in record.text for record in records) >= 1
        terminal = Console(file=io.StringIO(), width=200)
        views.print_timeline(records, terminal)
        shown = [views.page(records, "t"), json.dumps(perfetto(records)), terminal.file.getvalue()]
        for text in shown:
            assert [name for name, secret in SECRETS.items() if secret in text] == []


def test_the_command_writes_both_files_and_prints_spans(bg95, file, tmp_path):
    page, events = tmp_path / "t.html", tmp_path / "t.json"
    assert bg95("trace", file, "--html", page, "--perfetto", events).exit_code == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(events.read_text())["traceEvents"]
    printed = json.loads(bg95("trace", file, "--json").stdout)
    assert [span["result"] for span in printed] == ["SEND OK", "OK", "ERROR"]
    assert "cannot be read: No such file" in bg95("trace", tmp_path / "none").sentence
