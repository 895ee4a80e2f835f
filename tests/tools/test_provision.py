"""`bg95 provision`: what it puts on the module, what it refuses, what it never prints."""

import json

import pytest

from bg95_host import provision
from bg95_host.deploy import deploy
from bg95_host.errors import ToolError
from bg95_host.module_link import DirectLink
from bg95_host.module_sim import SimOptions
from bg95_host.rigs.virtual import VirtualRig
from bg95_host.testbed.pki import Authority


@pytest.fixture
def files(authority, tmp_path):
    cert, key = authority.client("device-7").write(tmp_path, "device")
    return {"ca": authority.write(tmp_path), "cert": cert, "key": key}


def stored(directory):
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.is_file()}


def test_ca_certificate_and_key_arrive_byte_for_byte(bg95, add_module, files, tmp_path):
    flash = tmp_path / "flash"
    module = add_module(files=flash)
    words = ["--ca", files["ca"], "--cert", files["cert"], "--key", files["key"], "--json"]
    done = bg95("provision", "--port", module.path, *words)
    assert done.exit_code == 0
    assert {item["name"]: item["sent"] for item in json.loads(done.stdout)} == {
        "cacert.pem": True,
        "device.pem": True,
        "device.key": True,
    }
    on_module = stored(flash)
    for file in files.values():
        assert on_module[file.name] == file.read_bytes()

    again = bg95("provision", "--port", module.path, *words)
    assert [item["sent"] for item in json.loads(again.stdout)] == [False, False, False]


def test_through_a_board_it_is_the_same(bg95, files, tmp_path):
    flash = tmp_path / "flash"
    with VirtualRig(options=SimOptions(files=flash)) as rig:
        deploy(rig.port, rig.board, reset=False)
        done = bg95("provision", "--board-port", rig.port, "--ca", files["ca"])
    assert done.exit_code == 0
    assert "cacert.pem (CA certificate" in done.stdout
    assert stored(flash)["cacert.pem"] == files["ca"].read_bytes()


def test_a_key_of_another_certificate_is_refused_before_anything_is_sent(
    bg95, add_module, authority, files, tmp_path
):
    _, other = authority.client().write(tmp_path, "other")
    flash = tmp_path / "flash"
    module = add_module(files=flash)
    done = bg95("provision", "--port", module.path, "--cert", files["cert"], "--key", other)
    assert done.exit_code == 1
    assert "the private key does not belong to the certificate" in done.sentence
    assert "Nothing was sent" in done.sentence
    assert not flash.exists() or not stored(flash)


def test_a_psk_is_stored_and_its_key_never_shown(bg95, add_module, tmp_path):
    secret = "00112233445566778899aabbccddeeff"
    flash, trace = tmp_path / "flash", tmp_path / "trace"
    module = add_module(files=flash, trace=trace)
    words = ["--psk-identity", "device-7", "--context", "2"]
    done = bg95("provision", "--port", module.path, *words, input=secret + "\n")
    assert done.exit_code == 0
    assert stored(flash)["2_server.psk"] == f"device-7&{secret}".encode()
    assert secret not in done.output
    assert secret not in trace.read_text()


def test_a_psk_from_an_empty_pipe_is_refused(bg95):
    done = bg95("provision", "--check", "--psk-identity", "device-7", input="")
    assert "the PSK key is empty" in done.sentence


def test_a_psk_key_without_its_identity_is_a_wrong_command_line(bg95, tmp_path):
    done = bg95("provision", "--check", "--psk-key-file", tmp_path)
    assert done.exit_code == 2
    assert "it needs a --psk-identity" in done.output


def test_what_is_wrong_is_said_of_the_right_file_in_json_too(bg95, authority, files, tmp_path):
    _, other = authority.client().write(tmp_path, "other")
    done = bg95("provision", "--check", "--json", "--cert", files["cert"], "--key", other)
    assert done.exit_code == 1
    wrong = {
        item["name"]: finding["text"]
        for item in json.loads(done.stdout)
        for finding in item["findings"]
        if finding["level"] == "error"
    }
    assert wrong == {"other.key": "the private key does not belong to the certificate"}


def test_check_needs_no_module(bg95, files):
    done = bg95("provision", "--check", "--ca", files["ca"])
    assert done.exit_code == 0
    assert "CA Testing CA" in done.stdout


def test_a_clean_copy_is_made_where_it_is_asked_for_and_is_what_is_sent(
    bg95, add_module, files, tmp_path
):
    good = files["ca"].read_bytes()
    files["ca"].write_bytes(good.replace(b"\n", b"\\n"))
    refused = bg95("provision", "--check", "--ca", files["ca"])
    assert refused.exit_code == 1 and "`--fix DIR` writes a clean copy" in refused.sentence
    flash, clean = tmp_path / "flash", tmp_path / "clean"
    words = ["--ca", files["ca"], "--fix"]
    done = bg95("provision", "--port", add_module(files=flash).path, *words, clean)
    assert done.exit_code == 0 and f"the clean copy {clean / 'cacert.pem'} is taken" in done.stdout
    assert stored(flash)["cacert.pem"] == (clean / "cacert.pem").read_bytes() == good
    assert files["ca"].read_bytes() != good
    again = bg95("provision", "--check", *words, files["ca"].parent)
    assert again.sentence.startswith("--fix would write over") and again.exception.status == 2


@pytest.mark.parametrize(
    "words, sentence",
    [
        ([], "nothing to do"),
        (["--cert", "x.pem"], "belong together"),
        (["--ca", "no/such.pem"], "cannot be read: No such file"),
    ],
)
def test_what_is_missing_is_named(bg95, words, sentence):
    done = bg95("provision", "--check", *words)
    assert done.exit_code == 1
    assert sentence in done.sentence


def test_two_files_of_one_name_are_refused(bg95, files, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "cacert.pem").write_bytes(files["key"].read_bytes())
    words = ["--ca", files["ca"], "--cert", files["cert"], "--key", other / "cacert.pem"]
    assert "two files would be cacert.pem" in bg95("provision", "--check", *words).sentence


@pytest.mark.parametrize(
    "port, sentence",
    [("/dev/no-such-port", "there is no port"), (None, "name either the module's AT port")],
)
def test_a_wrong_port_is_one_sentence(bg95, files, port, sentence):
    words = ["--port", port] if port else []
    done = bg95("provision", *words, "--ca", files["ca"])
    assert done.exit_code == 1
    assert sentence in done.sentence


@pytest.mark.parametrize(
    "fault, sentence",
    [
        ("flash_full@+QFUPL:2", "AT+QFUPL: 420 (no space"),
        ("corrupt_upload@+QFUPL:2", "bytes were lost on the UART"),
    ],
)
def test_a_module_that_cannot_store_a_file_is_said_to_hold_the_others(
    bg95, add_module, files, fault, sentence
):
    words = ["--ca", files["ca"], "--cert", files["cert"], "--key", files["key"]]
    done = bg95("provision", "--port", add_module(faults=[fault]).path, *words)
    assert done.exit_code == 1
    assert sentence in done.sentence
    assert "cacert.pem arrived; device.pem is missing there, or damaged" in done.sentence
    assert "✓ cacert.pem" in done.stdout and "✓ device" not in done.stdout


def test_ctrl_c_says_which_file_is_not_there(add_module, files):
    def press(_name, sent, size):
        if sent:
            raise KeyboardInterrupt

    items = provision.plan(ca=files["ca"])
    with (
        pytest.raises(ToolError, match=r"stopped\. cacert.pem is missing there, or damaged"),
        DirectLink(add_module().path) as link,
    ):
        provision.provision(link, items, press)


def test_a_busy_port_is_named_and_left_alone(bg95, add_module, files):
    module = add_module()
    with DirectLink(module.path) as link:
        done = bg95("provision", "--port", module.path, "--ca", files["ca"])
        assert done.exit_code == 1
        assert "another program uses it" in done.sentence
        assert link.activate().startswith("BG95-M3")


def test_a_cable_pulled_in_the_middle_is_one_sentence(add_module, simulator, tmp_path):
    module = add_module()
    big = tmp_path / "big.pem"
    big.write_bytes(Authority().cert_pem * 10)
    done = []

    def pull(_name, sent, size):
        if sent > size // 2 and not done:
            done.append(sent)
            simulator.remove_module(module)

    with (
        pytest.raises(ToolError, match=f"the port {module.path} went away"),
        DirectLink(module.path) as link,
    ):
        provision.provision(link, provision.plan(ca=big), pull)
    assert done


def test_a_board_without_the_driver_is_told_to_deploy(bg95, files):
    with VirtualRig(options=SimOptions()) as rig:
        done = bg95("provision", "--board-port", rig.port, "--ca", files["ca"])
    assert done.exit_code == 1
    assert "put it there with `bg95 deploy`" in done.sentence
