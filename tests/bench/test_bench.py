"""The benchmarks measure, and what they write is as promised. Their numbers are no test's business."""

import json
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (make bench)")

from typer.testing import CliRunner

from bg95_host.bench import plots, records
from bg95_host.bench.records import Record
from bg95_host.cli import app


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    done = CliRunner().invoke(app, ["bench", "-o", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.output, json.loads((folder / "results.json").read_text())


def test_records_have_name_rig_value_and_unit(results):
    for record in results[2]:
        assert {"name", "rig", "value", "unit"} <= set(record)
        assert record["rig"] == "virtual"
        if "limit" in record:
            assert record["ratio"] == pytest.approx(record["value"] / record["limit"])


def test_the_virtual_rig_gives_counts_and_one_time(results):
    """The time is how late asyncio's tasks can be, which says something of the driver on any machine."""
    units = {record["name"].partition(".")[0]: record["unit"] for record in results[2]}
    assert units == {"heap": "B", "alloc": "B", "commands": "commands", "asyncio": "us"}


def test_the_allocation_probe_sees_a_known_allocation(results):
    values = {record["name"]: record["value"] for record in results[2]}
    assert values["alloc.control"] >= 64  # else the zeroes beside it mean nothing


def test_every_record_is_in_the_table(results):
    for record in results[2]:
        assert record["name"] in results[1]


def texts(svg) -> list[str]:
    """What a plot says; it loads nothing."""
    drawn = ET.parse(svg).getroot()
    links = [value for part in drawn.iter() for name, value in part.items() if "href" in name]
    assert all(link.startswith("#") for link in links)
    return ["".join(part.itertext()) for part in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_the_plot_of_costs_shows_every_cost_with_its_number(results):
    said = texts(results[0] / "cost.svg")
    for record in results[2]:
        subject, _, name = record["name"].partition(".")
        if subject in ("heap", "commands"):
            assert name in said
            assert any(text.startswith(f"{record['value']:,.0f}") for text in said)
    assert "What it costs on the rig virtual" in said
    assert not (results[0] / "goodput.svg").exists()


def test_goodput_is_plotted_from_records_that_have_it(tmp_path):
    some = [
        Record(f"goodput.{way}.{mode}.{baud}", "x", 0.5 * baud / 10, "B/s", baud / 10)
        for way in ("upload", "download")
        for mode in ("BUFFER", "TRANSPARENT")
        for baud in (115200, 921600)
    ]
    failed = Record("goodput.upload.DIRECT_PUSH.921600", "x", None, "B/s", 92160, "lost")
    assert plots.write([*some, failed], tmp_path) == [tmp_path / "goodput.svg"]
    said = texts(tmp_path / "goodput.svg")
    assert said.count("50") == 8 and said.count("failed") == 1
    assert {"BUFFER", "DIRECT_PUSH", "TRANSPARENT", "upload", "download", "115.2"} <= set(said)
    assert {"UART rate, kbit/s", "% of the wire's bytes/s", "Goodput on the rig x"} <= set(said)


def test_a_record_without_a_value_says_why(tmp_path):
    failed = Record("goodput.upload.BUFFER.9600", "x", None, "B/s", 960, "bytes were lost")
    records.write([failed], tmp_path / "new" / "results.json")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == [
        {
            "name": "goodput.upload.BUFFER.9600",
            "rig": "x",
            "value": None,
            "unit": "B/s",
            "limit": 960,
            "error": "bytes were lost",
        }
    ]
