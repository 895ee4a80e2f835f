"""`bg95 hil`: a broken rig fails once; the report shows every test with its AT line."""

import re
import xml.etree.ElementTree as ET

import pytest
from tools.pages import Page

from bg95_host.hil import run
from bg95_host.hil.report import Result, page
from bg95_host.hil.settings import Settings
from bg95_host.trace.records import Record


def outcomes(junit) -> list[str]:
    cases = ET.parse(junit).getroot().iter("testcase")
    return [
        case[-1].tag if len(case) and case[-1].tag != "properties" else "passed" for case in cases
    ]


def test_a_broken_rig_fails_once_and_names_the_reason(tmp_path):
    no_uf2 = tmp_path / "firmware.uf2"
    no_uf2.write_text("no firmware")
    status = run(Settings(rig="pico-emulator", firmware=str(no_uf2)), tmp_path)
    assert status == 1
    found = outcomes(tmp_path / "results.xml")
    assert found.count("failure") + found.count("error") == 1
    assert found.count("skipped") == len(found) - 1 > 5
    text = (tmp_path / "report.html").read_text()
    assert "the rig does not start" in text and "the rig is broken" in text


def test_a_rig_without_a_feature_skips_with_the_reason(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "import pytest\n@pytest.mark.needs('teleportation')\ndef test_it(rig):\n    pass\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 0
    assert outcomes(tmp_path / "results.xml") == ["skipped"]
    assert "rig virtual has no feature teleportation" in (tmp_path / "report.html").read_text()


def test_the_heap_in_the_report_is_that_of_the_driver(tmp_path):
    """The virtual board's own code is in its heap as well, which a board has in flash."""
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_it(modem, lab):\n"
        "    modem.run('import gc; gc.collect()')\n"
        "    assert 50_000 < lab.heap_taken() < modem.value('gc.mem_alloc()') - 10_000\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 0


def test_files_that_a_test_needs_are_on_the_board(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_it(board):\n    assert board.value(\"open('/data/it').read(5)\") == 'def t'\n"
    )
    assert run(Settings(files={"data/it": str(test)}), tmp_path, [str(test)]) == 0


def test_what_a_test_leaves_on_the_board_when_it_fails_does_not_fail_the_next_one(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_bad(modem):\n    modem.run('kept = []\\nwhile 1: kept.append(bytearray(500))')\n"
        "def test_good(modem):\n    assert modem.value('modem.isconnected()')\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 1
    assert outcomes(tmp_path / "results.xml") == ["failure", "passed"]


def test_what_a_test_leaves_on_the_board_is_not_there_for_the_next_one(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_first(modem):\n    modem.run('kept = bytes(5000); import os')\n"
        "def test_second(modem):\n"
        "    assert modem.value(\"[n for n in ('kept', 'os') if n in globals()]\") == []\n"
        "    assert modem.value('modem.isconnected()')\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 0


def test_what_a_test_did_on_the_at_line_is_in_the_report(tmp_path):
    status = run(Settings(), tmp_path, ["tests/hil/test_module.py", "-k", "identified"])
    text = (tmp_path / "report.html").read_text()
    assert status == 0
    assert "AT+QIACT" in text and "<svg" in text
    assert re.search(
        r"<dt>MicroPython</dt><dd>1\.[23]\d\.\d+ on linux", text
    )  # not sys.version's 3.4.0
    properties = ET.parse(tmp_path / "results.xml").getroot().iter("property")
    assert "BG95-M3 BG95M3LAR02A03" in {item.get("value") for item in properties}


def test_the_report_of_the_virtual_board_plots_goodput_and_heap(tmp_path):
    selection = ["tests/hil/test_connection.py", "-k", "every_byte"]
    assert run(Settings(), tmp_path, selection) == 0
    page = Page((tmp_path / "report.html").read_text())
    page.assert_stands_alone()
    figures = page.shown[page.shown.index("Measured") : page.shown.index("Tests")]
    assert figures.index("goodput of an echo, B/s each way") < figures.index("heap taken after")
    assert "Times: this PC's, not those of hardware" in figures
    assert page.classes["bar"] == 2 * 3 and figures.count("[TRANSPARENT]") == 2
    assert page.classes["picture"] == 3 and page.classes["sent"] == 3


def test_what_failed_comes_first_with_its_reason_and_its_lines_open(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "import pytest\n"
        "def test_good():\n    pass\n"
        "def test_bad():\n    print('said before')\n    assert 1 < 0, 'one <is> more'\n"
        "@pytest.fixture\ndef unset():\n    raise OSError('no setup')\n"
        "def test_ugly(unset):\n    pass\n"
        "@pytest.mark.xfail(reason='a known bug')\ndef test_known():\n    assert 0\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 1
    page = Page((tmp_path / "report.html").read_text())
    assert "2 failed, 1 passed, 1 skipped" in page.shown
    order = ["test_bad", "one <is> more", "said before", "test_ugly", "failed in setup"]
    order += ["OSError: no setup", "test_good", "test_known", "expected to fail: a known bug"]
    places = [page.shown.index(each) for each in order]
    assert places == sorted(places)


def test_a_run_that_did_not_end_does_not_look_good(tmp_path):
    broken, stops = tmp_path / "test_broken.py", tmp_path / "test_stops.py"
    broken.write_text("import nothing_like_that\n")
    stops.write_text("def test_good():\n    pass\ndef test_stop():\n    raise KeyboardInterrupt\n")
    for test, told in (
        (broken, "No module named 'nothing_like_that'"),
        (stops, "1 interrupted, 1 passed"),
    ):
        assert run(Settings(), tmp_path, [str(test)]) == 2
        page = Page((tmp_path / "report.html").read_text())
        assert told in page.shown and "not run to the end" in page.shown
        assert page.classes["verdict"] == 1 and page.classes["failed"] >= 1


HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&lt;"


def test_the_page_stands_alone_counts_and_escapes():
    results = [
        Result(
            f"test_a[{HOSTILE}]",
            seconds=0.5,
            trace=[Record(0, "host", HOSTILE), Record(1, "module", "OK", note=HOSTILE)],
        ),
        Result("test_b", "failed", 1, "call", HOSTILE, HOSTILE, facts={HOSTILE: HOSTILE}),
        Result("test_c", "skipped", 0, "", HOSTILE, numbers={"heap, B": 4304, HOSTILE: 1}),
    ]
    text = page(results)
    shown = Page(text)
    shown.assert_stands_alone()
    assert shown.tags["script"] == shown.tags["img"] == 0
    assert text.index('class="failed"') < text.index('class="passed"') < text.index('"skipped"')
    assert "1 failed, 1 passed, 1 skipped" in shown.shown
    assert shown.shown.count(HOSTILE) >= 9 and "4,304" in shown.shown


@pytest.mark.parametrize("settings", [Settings(), Settings("serial", port="x", apn="iot", ca="c")])
def test_settings_survive_the_way_to_the_workers(settings, monkeypatch):
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == settings
