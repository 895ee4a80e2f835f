"""The generated tables: up to date, right, alike on MicroPython and CPython, and small."""

import importlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from tlslite.constants import CipherSuite

from bg95_host import compat, mpy
from bg95_host.compat import FIRMWARE
from bg95_host.module_sim import tables
from bg95_host.rigs import unix_vm
from bg95_host.tables.generate import DRIVER, files


def in_vm(script: str, cwd: Path = FIRMWARE) -> Any:
    """Run `script` in the MicroPython VM; return what it printed, read as JSON."""
    done = subprocess.run(
        [*unix_vm.command(), "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)


compat.install()
suites: Any = importlib.import_module("bg95.visitors.suites")
errors: Any = importlib.import_module("bg95.visitors.errors")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run `make tables`"


def test_suites_are_the_iana_registry_s() -> None:
    # tlslite-ng's list is independent of ours; it lacks the two PSK suites (RFC 6655, RFC 5487).
    theirs = {code: CipherSuite.ietfNames.get(code) for code in tables.SUITES}
    theirs |= {0xC0A8: "TLS_PSK_WITH_AES_128_CCM_8", 0x00AE: "TLS_PSK_WITH_AES_128_CBC_SHA256"}
    assert {suite.code: suite.name for suite in tables.SUITES.values()} == theirs
    assert len(theirs) == 35


def test_openssl_has_the_suites_it_is_said_to_have() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    available = set(SSL.Connection(context).get_cipher_list())
    named = {suite.openssl for suite in tables.SUITES.values() if suite.stack == "openssl"}
    assert len(named) == 16
    assert named <= available


def test_suite_names_and_codes_lead_to_each_other() -> None:
    for suite in tables.SUITES.values():
        assert suites.name(suite.code) == suite.name
        assert suites.code(suite.code) == suite.code
        assert suites.code(suite.name) == suite.code
        assert suites.code(suite.name.lower().replace("_", "-")) == suite.code
    assert suites.code("ALL") == suites.code(0xFFFF) == suites.ALL
    assert suites.name(0xFFFF) == "ALL"
    assert suites.name(0x1301) == "0X1301"


def test_weak_suites_are_those_of_the_stated_rule() -> None:
    for suite in tables.SUITES.values():
        broken = any(word in suite.name for word in ("RC4", "3DES", "MD5", "NULL"))
        assert suites.is_weak(suite.code) is broken
    assert not suites.is_weak(suites.ALL)


@pytest.mark.parametrize(
    "unknown", ["", "TLS_", "TLS_AES_128_GCM_SHA256", "RSA_WITH_AES_128_CBC_SHA", "0X0035", 0x1301]
)
def test_unknown_suite_is_refused_with_a_sentence(unknown: object) -> None:
    with pytest.raises(ValueError, match=r"^the module has no cipher suite "):
        suites.code(unknown)


def test_error_texts_are_the_simulator_s() -> None:
    said_by_error = {code: errors.text(code) for code in tables.CME_ERRORS}
    assert said_by_error == tables.CME_ERRORS
    assert [code for code in range(1, 1000) if errors.text(code)] == sorted(
        (tables.CME_ERRORS.keys() | tables.SSL_ERRORS.keys()) - {0}
    )
    assert errors.text(565) == "DNS parse failed"
    assert errors.text(552) == "invalid parameter"  # the note's word, not AT+QIGETERROR's
    assert errors.text(-1) is errors.text(55) is errors.text(5740) is None


def test_vm_and_cpython_agree() -> None:
    script = """
import json
from bg95.visitors import suites, errors
codes = %r
print(json.dumps([
    [suites.name(code) for code in codes],
    [suites.code(suites.name(code)) for code in codes],
    [suites.is_weak(code) for code in codes],
    [errors.text(code) for code in range(600)],
]))
""" % [*tables.SUITES, suites.ALL]
    names, codes, weak, texts = in_vm(script)
    assert codes == [*tables.SUITES, suites.ALL]
    assert names == [suites.name(code) for code in codes]
    assert weak == [suites.is_weak(code) for code in codes]
    assert texts == [errors.text(code) for code in range(600)]


@pytest.mark.parametrize(("name", "budget_bytes"), [("suites", 2560), ("errors", 5120)])
def test_importing_a_table_costs_little_ram(name: str, budget_bytes: int, tmp_path: Path) -> None:
    # The VM's objects are about twice a Pico's (design/rigs.md), the table's text is not. Both are visitors: what they
    # take is given back. `errors` holds the residents' sentences and the errno numbers, too.
    for path, data in mpy.compile_package(DRIVER).items():
        target = tmp_path / "bg95" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    script = f"""
import gc, bg95.visitors
gc.collect(); before = gc.mem_alloc()
import bg95.visitors.{name}
gc.collect(); print(gc.mem_alloc() - before)
"""
    assert in_vm(script, cwd=tmp_path) <= budget_bytes
