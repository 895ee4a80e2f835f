"""`bg95 hil`: a broken rig fails once; the report shows every test with its AT line."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from bg95_host.hil import run
from bg95_host.hil.lab import Settings
from bg95_host.hil.report import Result, page
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
        "import pytest\n"
        "from bg95_host.hil.fixtures import lab, rig\n"
        "@pytest.mark.needs('teleportation')\n"
        "def test_it(rig):\n    pass\n"
    )
    assert run(Settings(), tmp_path, [str(test)]) == 0
    assert outcomes(tmp_path / "results.xml") == ["skipped"]
    assert "rig virtual has no feature teleportation" in (tmp_path / "report.html").read_text()


def test_what_a_test_did_on_the_at_line_is_in_the_report(tmp_path):
    status = run(Settings(), tmp_path, ["tests/hil/test_module.py", "-k", "identified"])
    text = (tmp_path / "report.html").read_text()
    assert status == 0
    assert "AT+QIACT" in text and "<svg" in text
    assert "MicroPython 3.4.0; " in text
    properties = ET.parse(tmp_path / "results.xml").getroot().iter("property")
    assert "BG95-M3 BG95M3LAR02A03" in {item.get("value") for item in properties}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.sections, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag == "section":
            self.sections.append(facts["class"])
        self.links += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_counts_and_escapes():
    results = [
        Result(
            "test_a[<x>]", "passed", 0.5, trace=[Record(0, "host", "AT"), Record(1, "module", "OK")]
        ),
        Result("test_b", "failed", 1, "assert 1 < 0"),
        Result("test_c", "skipped", 0, "no <pins>", numbers={"heap": 4304}),
    ]
    text = page(results)
    shown = Page(text)
    assert shown.sections == ["passed", "failed", "skipped"]
    assert shown.links == []
    assert "1 passed, 1 failed, 1 skipped" in text
    assert "assert 1 &lt; 0" in text and "no &lt;pins&gt;" in text and "4,304" in text


@pytest.mark.parametrize("settings", [Settings(), Settings("serial", port="x", apn="iot", ca="c")])
def test_settings_survive_the_way_to_the_workers(settings, monkeypatch):
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == settings
