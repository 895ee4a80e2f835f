"""Connections: states, the two buffers, the three modes, closing (spec 1.4, 1.6, 3.1, 3.2, 3.5)."""

import random
import re

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import EchoPeer

from .world import ADDRESS, EchoTls, attached, open_socket, server_context, server_credential


def port(*faults, **traits):
    return attached(SimOptions(traits=traits, faults=faults))


def peer_of(host):
    return host.net.peers[ADDRESS, 8883]


def state(host, client_id=0):
    answer = host.command(f"AT+QSSLSTATE={client_id}").split(b",")
    return int(answer[5]) if len(answer) > 5 else None


def test_states_of_a_connection_that_opens_and_is_closed_by_its_peer():
    host = port()
    host.command("AT+QIACT=1")
    host.write(b'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0\r')
    host.wait_for(b"OK\r\n")
    assert state(host) == 1
    host.wait_for(b"+QSSLOPEN: 0,0\r\n")
    assert state(host) == 2
    peer_of(host).close()
    host.wait_for(b'"closed",0\r\n')
    assert state(host) == 4
    assert host.command('AT+QSSLOPEN=1,1,0,"x",1,0', b"ERROR\r\n") == b"\r\nERROR\r\n"
    assert b"563" in host.command("AT+QIGETERROR")
    host.command("AT+QSSLCLOSE=0")
    assert state(host) is None
    open_socket(host)


def test_twelve_ids_are_shared_by_ssl_and_tcp():
    host = port()
    for client_id in range(0, 12, 2):
        open_socket(host, client_id)
        host.command(f'AT+QIOPEN=1,{client_id + 1},"TCP","{ADDRESS}",8883', b",0\r\n")
    assert host.command("AT+QSSLSTATE").count(b"+QSSLSTATE:") == 6
    assert host.command("AT+QISTATE").count(b"+QISTATE:") == 6
    for client_id in range(12):
        host.command(f'AT+QIOPEN=1,{client_id},"TCP","{ADDRESS}",8883', b"ERROR\r\n")
        assert b"563" in host.command("AT+QIGETERROR")
    assert host.command("AT+QSSLRECV=1", b"ERROR\r\n") == b"\r\nERROR\r\n"  # a TCP one
    assert host.command("AT+QIRD=0", b"ERROR\r\n") == b"\r\nERROR\r\n"  # an SSL one


def test_the_last_error_is_that_of_the_last_ssl_or_tcpip_command():
    host = port()
    host.command("AT+QSSLRECV=0", b"ERROR\r\n")
    host.command("AT+CSQ")
    assert b"+QIGETERROR: 567,socket has been closed\r\n" in host.command("AT+QIGETERROR")
    host.command("AT+QSSLSTATE")
    assert b"+QIGETERROR: 0,operate successfully\r\n" in host.command("AT+QIGETERROR")


def test_a_closed_id_leaves_no_urc_behind():
    host = port()
    open_socket(host)
    assert host.command("AT+QSSLCLOSE=0") == b"\r\nOK\r\n"
    assert host.run(5) == b""


# -- sending ---------------------------------------------------------------------------------------


def test_after_the_count_comes_the_next_command():
    host = port()
    open_socket(host)
    host.write(b"AT+QSSLSEND=0,4\r")
    assert host.wait_for(b"> ") == b"\r\n> "
    host.write(b"\x1a\x1b\r\nAT+CSQ\r")
    assert host.wait_for(b"OK\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n").startswith(b"\r\nSEND OK\r\n")
    host.run(0.1)
    assert peer_of(host).plaintext == b"\x1a\x1b\r\n"


def test_after_ctrl_z_comes_the_next_command():
    host = port()
    open_socket(host)
    host.command("AT+QSSLSEND=0", b"> ")
    host.write(b"hello\x1aAT+CSQ\r")
    assert host.run(1).startswith(b"\r\nSEND OK\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n")
    assert peer_of(host).plaintext == b"hello"


def test_an_unfinished_send_waits_for_ever_unless_the_trait_gives_up():
    host = port()
    open_socket(host)
    host.command("AT+QSSLSEND=0,10", b"> ")
    host.write(b"AT\r")
    assert host.run(3600) == b""
    host.write(b"AT\rAT\r\r")
    assert host.run(1).startswith(b"\r\nSEND OK\r\n")
    patient = port(send_idle_s=5)
    open_socket(patient)
    patient.command("AT+QSSLSEND=0,10", b"> ")
    patient.write(b"AT\r")
    assert patient.run(6) == b"\r\nERROR\r\n"


@pytest.mark.parametrize("size", [1461, 1462, 2920, 2921, 5000])
@pytest.mark.parametrize(("end", "answer"), [(b"\x1a", b"\r\nERROR\r\n"), (b"\x1b", b"\r\nOK\r\n")])
def test_too_much_before_ctrl_z_is_swallowed_as_data(size, end, answer):
    host = port()
    open_socket(host)
    host.command("AT+QSSLSEND=0", b"> ")
    host.write(b"\r" * size + end)
    assert host.run(2) == answer
    assert not peer_of(host).plaintext


def test_or_is_sent_at_1460_by_trait():
    host = port(send_overrun="send")
    open_socket(host)
    host.command("AT+QSSLSEND=0", b"> ")
    host.write(b"x" * 1460)
    host.wait_for(b"SEND OK\r\n")
    host.run(1)
    assert peer_of(host).plaintext == b"x" * 1460


def test_1460_bytes_and_ctrl_z_are_sent():
    host = port()
    open_socket(host)
    host.command("AT+QSSLSEND=0", b"> ")
    host.write(b"x" * 1460 + b"\x1a")
    assert host.wait_for(b"SEND OK\r\n") == b"\r\nSEND OK\r\n"


def test_a_full_send_buffer_says_send_fail_and_takes_nothing():
    host = port(send_buffer=3000)
    open_socket(host)
    link = host.net.links[-1]
    link.stuck = 2000
    host.command("AT+QSSLSEND=0,1460", b"> ")
    host.write(bytes(1460))
    assert host.wait_for(b"\r\n", 1).endswith(b"\r\n")
    host.run(0.1)
    assert not peer_of(host).plaintext
    link.stuck = 0
    host.command("AT+QSSLSEND=0,1460", b"> ")
    host.write(bytes(1460))
    host.wait_for(b"SEND OK\r\n")


# -- receiving -------------------------------------------------------------------------------------


def test_one_recv_urc_until_the_buffer_is_read_empty():
    host = port()
    open_socket(host)
    peer_of(host).say(b"hello")
    assert host.run(1) == b'\r\n+QSSLURC: "recv",0\r\n'
    peer_of(host).say(b"world")
    assert host.run(1) == b""
    assert host.command("AT+QSSLRECV=0,3") == b"\r\n+QSSLRECV: 3\r\nhel\r\n\r\nOK\r\n"
    peer_of(host).say(b"!")
    assert host.run(1) == b""
    assert host.command("AT+QSSLRECV=0,0") == b"\r\n+QSSLRECV: 11,3,8\r\n\r\nOK\r\n"
    assert host.command("AT+QSSLRECV=0") == b"\r\n+QSSLRECV: 8\r\nloworld!\r\n\r\nOK\r\n"
    peer_of(host).say(b"again")
    assert host.run(1) == b'\r\n+QSSLURC: "recv",0\r\n'


def test_the_stricter_reading_arms_only_after_a_read_of_nothing():
    host = port(recv_rearm="zero")
    open_socket(host)
    peer_of(host).say(b"hello")
    host.run(1)
    host.command("AT+QSSLRECV=0")
    peer_of(host).say(b"world")
    assert host.run(1) == b""
    assert b"world" in host.command("AT+QSSLRECV=0")
    host.command("AT+QSSLRECV=0")
    peer_of(host).say(b"again")
    assert host.run(1) == b'\r\n+QSSLURC: "recv",0\r\n'


@pytest.mark.parametrize("late_by", [0.0001 * step for step in range(0, 60, 3)])
def test_data_is_never_lost_silently_whenever_it_arrives(late_by):
    """Spec 3.2, the race: returned by a read, or announced by a URC."""
    host = port()
    open_socket(host)
    peer_of(host).say(b"first")
    host.run(1)
    host.write(b"AT+QSSLRECV=0,1500\r")
    host.module.world_event(late_by, lambda: peer_of(host).say(b"second"))
    answer = host.run(1)
    assert b"second" in answer or answer.endswith(b'\r\n+QSSLURC: "recv",0\r\n')


def test_every_other_recv_urc_is_swallowed_by_trait():
    host = port(swallow_recv_urc=2)
    open_socket(host)
    seen = []
    for _ in range(4):
        peer_of(host).say(b"x")
        seen.append(host.run(1))
        host.command("AT+QSSLRECV=0")
    assert [bool(urc) for urc in seen] == [True, False, True, False]


def test_an_unread_buffer_holds_the_peer_back_and_nothing_is_lost():
    host = port(receive_buffer=4000)
    open_socket(host)
    data = random.Random(1).randbytes(50_000)
    for at in range(0, len(data), 1000):
        peer_of(host).say(data[at : at + 1000])
    host.run(5)
    assert len(host.module.sockets[0].received) < 6000
    got = bytearray()
    while len(got) < len(data):
        host.write(b"AT+QSSLRECV=0,1500\r")
        answer = host.run(0.3)
        found = re.search(rb"\+QSSLRECV: (\d+)\r\n", answer)
        got += answer[found.end() : found.end() + int(found[1])]
    assert got == data


def test_push_urcs_are_whole_chunks_and_never_inside_an_answer():
    host = port(push_chunk=1000)
    open_socket(host, mode=1)
    data = random.Random(2).randbytes(3500)
    peer_of(host).say(data)
    host.write(b"AT+CSQ\rAT+CSQ\r")
    stream = host.run(2)
    got = bytearray()
    while match := re.search(rb'\r\n\+QSSLURC: "recv",0,(\d+)\r\n', stream):
        assert stream[: match.start()] in (
            b"",
            b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n",
            b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n" * 2,
        )
        size = int(match[1])
        assert size <= 1000
        got += stream[match.end() : match.end() + size]
        stream = stream[match.end() + size :]
    assert got == data


@pytest.mark.parametrize("mode", [1, 2])
def test_a_peer_faster_than_the_uart_is_held_back_and_nothing_is_lost(mode):
    host = port()
    open_socket(host, mode=mode)
    data = random.Random(4).randbytes(60_000)
    for at in range(0, len(data), 1000):
        peer_of(host).say(data[at : at + 1000])
    host.run_quietly(0.5)
    assert host.module.tx.backlog < 12_000  # of 60 000 that have come
    stream = host.run(10)
    if mode == 1:
        stream = re.sub(rb'\r\n\+QSSLURC: "recv",0,1000\r\n', b"", stream)
    assert stream == data


def test_a_failed_open_lets_go_of_everything():
    host = port()
    host.net.peers[ADDRESS, 8883] = EchoTls(server_context(server_credential()))
    host.command("AT+QIACT=1")
    host.command('AT+QSSLCFG="seclevel",1,1')  # and no CA file
    host.command('AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0')
    assert host.run(500) == b"\r\n+QSSLOPEN: 0,566\r\n"
    assert not peer_of(host).sessions


def test_a_peer_that_closed_finds_the_link_closed():
    host = port()
    open_socket(host)
    link, session = next(iter(peer_of(host).sessions.items()))
    session.shutdown()
    peer_of(host)._flush(link)  # close_notify alone: the transport is the module's to close
    host.wait_for(b'"closed",0\r\n')
    host.run(1)
    assert not peer_of(host).sessions


def test_what_the_peer_left_behind_can_be_read_after_closed():
    host = port()
    open_socket(host)
    peer_of(host).say(b"last words")
    peer_of(host).close()
    host.wait_for(b'"closed",0\r\n')
    assert host.command("AT+QSSLRECV=0") == b"\r\n+QSSLRECV: 10\r\nlast words\r\n\r\nOK\r\n"
    assert host.command("AT+QSSLRECV=0", b"ERROR\r\n") == b"\r\nERROR\r\n"
    assert host.command("AT+QSSLSEND=0,1", b"ERROR\r\n") == b"\r\nERROR\r\n"


def test_closed_may_overtake_the_last_recv_by_trait():
    host = port(closed_before_recv=True)
    open_socket(host)
    peer_of(host).say(b"last words")
    peer_of(host).close()
    assert host.run(1) == b'\r\n+QSSLURC: "closed",0\r\n\r\n+QSSLURC: "recv",0\r\n'


# -- transparent mode ------------------------------------------------------------------------------


def transparent(**traits):
    host = port(**traits)
    open_socket(host, mode=2)
    host.run(2)
    return host


@pytest.mark.parametrize(
    ("pieces", "data"),
    [
        # (silence before, bytes) ...; silence of 2 s at the end
        ([(2, b"+++")], None),
        ([(2, b"+"), (0.4, b"+"), (0.4, b"+")], None),
        ([(2, b"+"), (0.6, b"+"), (0.6, b"+")], b"+++"),
        ([(2, b"++")], b"++"),
        ([(2, b"++++")], b"++++"),
        ([(2, b"+++x")], b"+++x"),
        ([(2, b"+++"), (0.5, b"x")], b"+++x"),
        ([(2, b"x+++")], b"x+++"),
        ([(2, b"x"), (0.5, b"+++")], b"x+++"),
        ([(2, b"x"), (1.5, b"+++")], None),
        ([(2, b"+x+")], b"+x+"),
        ([(2, b"+++\r")], b"+++\r"),
        ([(2, b"+++"), (0.9, b"+++")], b"++++++"),
        ([(2, b"AT\r\x1a\x1b\xff\x00")], b"AT\r\x1a\x1b\xff\x00"),
    ],
)
def test_the_escape_sequence_and_what_only_looks_like_it(pieces, data):
    host = transparent()
    for silence, piece in pieces:
        host.run(silence)
        host.write(piece)
    answer = host.run(2)
    if data is None:
        assert answer.endswith(b"\r\nOK\r\n")
        assert state(host) == 2
        assert peer_of(host).plaintext in (b"", b"x")
    else:
        assert peer_of(host).plaintext == data
        host.run(2)
        assert host.module.port.data is not None


def test_leaving_and_coming_back_loses_nothing():
    host = transparent()
    host.write(b"before")
    assert host.run(2) == b"before"
    host.write(b"+++")
    host.wait_for(b"\r\nOK\r\n")
    peer_of(host).say(b"meanwhile")
    assert host.run(1) == b'\r\n+QSSLURC: "recv",0\r\n'
    assert host.command("ATO", b"CONNECT\r\nmeanwhile") == b"\r\nCONNECT\r\nmeanwhile"
    host.write(b"after")
    assert host.run(2) == b"after"


def test_urcs_wait_while_the_port_carries_data():
    host = transparent()
    host.module.urc("RING")
    assert host.run(5) == b""
    host.write(b"+++")
    assert host.run(3) == b"\r\nOK\r\n\r\nRING\r\n"


def test_packets_are_formed_by_size_and_by_idle_time():
    host = port()
    host.command('AT+QICFG="transpktsize",100')
    host.command('AT+QICFG="transwaittm",5')
    open_socket(host, mode=2)
    sizes = []
    send = host.module.sockets[0].send
    host.module.sockets[0].send = lambda data: sizes.append(len(data)) or send(data)
    host.write(bytes(250))
    host.run(0.4)
    assert sizes == [100, 100]
    host.run(0.2)
    assert sizes == [100, 100, 50]
    host.write(bytes(50))
    host.run(0.4)
    # This fills the packet; what is left of it begins another, with a wait of its own.
    host.write(bytes(100))
    host.run(0.4)
    assert sizes[3:] == [100]
    host.run(0.2)
    assert sizes[3:] == [100, 50]


def test_a_full_send_buffer_stops_the_host_and_loses_nothing():
    host = transparent(send_buffer=2000)
    link = host.net.links[-1]
    link.stuck = 2000
    data = random.Random(3).randbytes(20_000).replace(b"+", b"-")
    host.write(data)
    host.run(5)
    assert not peer_of(host).plaintext
    assert host.module.rx.backlog > 15_000
    link.stuck = 0
    host.run(5)
    assert peer_of(host).plaintext == data


def _whole_chunk(stream):
    """The header of a read answer or push URC, once all of its data is there."""
    found = re.match(rb'\r\n\+QSSL(?:RECV: |URC: "recv",0,)(\d+)\r\n', stream)
    return found if found and len(stream) >= found.end() + int(found[1]) else None


@pytest.mark.parametrize("faults", [(), ("chunk=1",)])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_64_kib_of_everything_come_back_in_each_mode(mode, faults):
    hard = (
        bytes(range(256))
        + b'\r\nOK\r\n\r\n> +QSSLURC: "recv",0\r\n+QSSLURC: "closed",0\r\n+++\x1a\x1b'
    )
    data = (hard * 300)[:65536]
    host = attached(SimOptions(faults=faults, baud=921600))
    host.net.peers[ADDRESS, 8883] = EchoTls(server_context(server_credential()))
    open_socket(host, mode=mode)
    if mode == 2:
        host.write(data)
        host.wait_until(lambda: len(host.unread) >= len(data), 60)
        assert host.read() == data
        return
    got = bytearray()
    for at in range(0, len(data), 1460):
        piece = data[at : at + 1460]
        host.command(f"AT+QSSLSEND=0,{len(piece)}", b"> ")
        host.write(piece)
        answer = host.wait_for(b"\r\nSEND OK\r\n")
        assert answer == b"\r\nSEND OK\r\n"
        arrived = 0
        while arrived < len(piece):
            if mode == 0:
                host.wait_for(b'"recv",0\r\n')
                host.write(b"AT+QSSLRECV=0,1500\r")
            assert host.wait_until(lambda: _whole_chunk(host.unread) is not None, 9)
            found = _whole_chunk(host.unread)
            size = int(found[1])
            got += host.unread[found.end() : found.end() + size]
            del host.unread[: found.end() + size]
            arrived += size
            if mode == 0:
                assert host.wait_for(b"OK\r\n") == b"\r\n\r\nOK\r\n"
    assert got == data


# -- plain TCP: listening (spec 2.6.10) ------------------------------------------------------------


def listening(host):
    host.command("AT+QIACT=1")
    host.command('AT+QIOPEN=1,5,"TCP LISTENER","127.0.0.1",0,2020,0', b"+QIOPEN: 5,0\r\n")


def test_a_listener_hands_every_caller_the_highest_free_id():
    host = port()
    listening(host)
    assert b'+QISTATE: 5,"TCP LISTENER","100.64.0.1",0,2020,3,1,5,0' in host.command("AT+QISTATE")
    host.net.call(2020, EchoPeer())
    assert re.fullmatch(rb'\r\n\+QIURC: "incoming",11,5,"192.0.2.7",\d+\r\n', host.run(1))
    assert b'+QISTATE: 11,"TCP INCOMING","192.0.2.7"' in host.command("AT+QISTATE=1,11")
    host.command("AT+QISEND=11,5", b"> ")
    host.write(b"hello")
    host.wait_for(b'"recv",11\r\n')
    assert host.command("AT+QIRD=11") == b"\r\n+QIRD: 5\r\nhello\r\n\r\nOK\r\n"
    host.net.call(2020, EchoPeer())
    assert b'"incoming",10,5,' in host.run(1)


@pytest.mark.parametrize(("trait", "mode"), [("listener", 1), ("buffer", 0)])
def test_the_access_mode_of_an_incoming_connection_is_a_trait(trait, mode):
    host = port(incoming_mode=trait)
    host.command("AT+QIACT=1")
    host.command('AT+QIOPEN=1,5,"TCP LISTENER","127.0.0.1",0,2020,1', b"+QIOPEN: 5,0\r\n")
    host.net.call(2020, EchoPeer())
    host.run(1)
    assert host.command("AT+QISTATE=1,11").split(b",")[8] == b"%d" % mode
    host.command('AT+QISENDEX=11,"6869"', b"SEND OK\r\n")
    assert host.run(1) == (
        b'\r\n+QIURC: "recv",11,2\r\nhi' if mode else b'\r\n+QIURC: "recv",11\r\n'
    )


def test_a_listener_without_a_free_id_says_so():
    host = port()
    listening(host)
    for _ in range(11):
        host.net.call(2020, EchoPeer())
    assert host.run(1).count(b'"incoming",') == 11
    host.net.call(2020, EchoPeer())
    assert host.run(1) == b'\r\n+QIURC: "incoming full"\r\n'


def test_a_closed_listener_accepts_nobody_and_its_port_is_free_again():
    host = port()
    listening(host)
    host.command("AT+QICLOSE=5")
    host.net.call(2020, EchoPeer())
    assert host.run(1) == b""
    again = 'AT+QIOPEN=1,%d,"TCP LISTENER","127.0.0.1",0,2020,0'
    host.command(again % 5, b"+QIOPEN: 5,0\r\n")
    host.command(again % 6, b"+QIOPEN: 6,557\r\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('AT+QIOPEN=1,0,"TCP LISTENER","127.0.0.1",0,0,0', b"552"),
        ('AT+QIOPEN=1,0,"TCP LISTENER","127.0.0.1",0,2020,2', b"552"),
        ('AT+QIOPEN=1,0,"TCP LISTENER","192.0.2.1",0,2020,0', b"552"),
        ('AT+QIOPEN=1,0,"TCP LISTENER","127.0.0.1",80,2020,0', b"552"),
        ('AT+QIOPEN=1,0,"UDP SERVICE","127.0.0.1",0,0,0', b"552"),
        ('AT+QIOPEN=1,0,"UDP SERVICE","127.0.0.1",0,2020,2', b"552"),
        ('AT+QIOPEN=1,0,"TCP","127.0.0.1",0', b"552"),
        ('AT+QIOPEN=1,0,"SCTP","127.0.0.1",1', b"552"),
        ('AT+QISEND=5,4,"192.0.2.1",7', b"552"),  # not a UDP service
        ('AT+QISENDEX=5,"00"', b"572"),  # a listener
        ('AT+QISENDEX=6,"00"', b"572"),  # a UDP service
        ("AT+QISEND=6,4", b"552"),  # to nobody
        ('AT+QISEND=6,4,"example.com",7', b"552"),  # not an address
        ("AT+QIRD=6,100", b"552"),  # a datagram is read whole
    ],
)
def test_what_listeners_and_services_refuse(line, code):
    host = port()
    listening(host)
    host.command('AT+QIOPEN=1,6,"UDP SERVICE","127.0.0.1",0,2021,0', b"+QIOPEN: 6,0\r\n")
    assert host.command(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
    assert code in host.command("AT+QIGETERROR")


# -- UDP services (spec 2.6.10) --------------------------------------------------------------------


def serving(mode=0, **traits):
    host = port(**traits)
    host.command("AT+QIACT=1")
    line = f'AT+QIOPEN=1,2,"UDP SERVICE","127.0.0.1",0,3030,{mode}'
    host.command(line, b"+QIOPEN: 2,0\r\n")
    return host


def test_a_udp_service_hands_out_datagrams_one_by_one_with_their_senders():
    host = serving()
    assert b'+QISTATE: 2,"UDP SERVICE","100.64.0.1",0,3030,2,1,2,0' in host.command("AT+QISTATE")
    host.net.ports[3030].receive(b"first", "192.0.2.7", 700)
    assert host.run(1) == b'\r\n+QIURC: "recv",2\r\n'
    host.net.ports[3030].receive(b"second", "192.0.2.8", 800)
    assert host.run(1) == b""
    assert host.command("AT+QIRD=2,0") == b"\r\n+QIRD: 11,0,11\r\n\r\nOK\r\n"
    first = b'\r\n+QIRD: 5,"192.0.2.7",700\r\nfirst\r\n\r\nOK\r\n'
    assert host.command("AT+QIRD=2") == first
    second = b'\r\n+QIRD: 6,"192.0.2.8",800\r\nsecond\r\n\r\nOK\r\n'
    assert host.command("AT+QIRD=2") == second
    assert host.command("AT+QIRD=2") == b"\r\n+QIRD: 0\r\n\r\nOK\r\n"
    host.net.ports[3030].receive(b"third")
    assert host.run(1) == b'\r\n+QIURC: "recv",2\r\n'


def test_a_udp_service_answers_whom_it_wants():
    host = serving()
    for address, number in (("192.0.2.7", 700), ("198.51.100.1", 65535)):
        host.command(f'AT+QISEND=2,4,"{address}",{number}', b"> ")
        host.write(b"\x1a\r\n\x1b")
        assert host.wait_for(b"SEND OK\r\n") == b"\r\nSEND OK\r\n"
    sent = [(b"\x1a\r\n\x1b", "192.0.2.7", 700), (b"\x1a\r\n\x1b", "198.51.100.1", 65535)]
    assert host.net.ports[3030].sent == sent
    assert host.command("AT+QISEND=2,0").startswith(b"\r\n+QISEND: 8,8,0\r\n")


def test_datagrams_may_be_late_but_stay_in_order():
    host = serving()
    host.module.faults.add("slow_net=2*1")
    for number in range(2):
        host.net.ports[3030].receive(b"%d" % number)
    assert host.run(1.5) == b""
    assert host.run(1) == b'\r\n+QIURC: "recv",2\r\n'
    assert b"\r\n0\r\n" in host.command("AT+QIRD=2")
    assert b"\r\n1\r\n" in host.command("AT+QIRD=2")


def test_a_udp_service_in_push_mode_prints_the_sender():
    host = serving(mode=1)
    host.net.ports[3030].receive(b"hello", "192.0.2.7", 700)
    assert host.run(1) == b'\r\n+QIURC: "recv",2,5,"192.0.2.7",700\r\nhello'


def test_datagrams_without_room_are_lost_and_the_others_stay_whole():
    host = serving(receive_buffer=1000)
    for number, size in enumerate((400, 700, 600)):
        host.net.ports[3030].receive(b"%d" % number * size)
    host.run(1)
    assert host.command("AT+QIRD=2").count(b"0") >= 400
    assert b"+QIRD: 600," in host.command("AT+QIRD=2")
    assert b"+QIRD: 0\r\n" in host.command("AT+QIRD=2")


def test_a_udp_port_is_taken_once_and_free_after_a_close():
    host = serving()
    again = 'AT+QIOPEN=1,%d,"UDP SERVICE","127.0.0.1",0,3030,0'
    host.command(again % 3, b"+QIOPEN: 3,557\r\n")
    host.command("AT+QICLOSE=2")
    host.command("AT+QICLOSE=3")
    host.command(again % 2, b"+QIOPEN: 2,0\r\n")
    host.module.faults.add("pdp_loss=1")
    assert b'+QIURC: "closed",2\r\n' in host.run(1)
    assert not host.net.ports


def plain_echo(**traits):
    host = port(**traits)
    host.net.peers[ADDRESS, 7] = EchoPeer()
    host.command("AT+QIACT=1")
    return host


def test_plain_push_data_may_follow_a_comma():
    host = plain_echo()
    host.command('AT+QICFG="viewmode",1')
    host.command(f'AT+QIOPEN=1,0,"TCP","{ADDRESS}",7,0,1', b",0\r\n")
    host.command('AT+QISENDEX=0,"68656c6c6f"', b"SEND OK\r\n")
    assert host.run(1) == b'\r\n+QIURC: "recv",0,5,hello'


def test_plain_data_may_be_written_in_hex_both_ways():
    host = plain_echo()
    host.command('AT+QICFG="dataformat",1,1')
    host.command(f'AT+QIOPEN=1,0,"TCP","{ADDRESS}",7', b",0\r\n")
    host.command("AT+QISEND=0", b"> ")
    host.write(b"68656C6C6F\x1a")
    host.wait_for(b'"recv",0\r\n')
    assert host.command("AT+QIRD=0") == b"\r\n+QIRD: 5\r\n68656C6C6F\r\n\r\nOK\r\n"
    host.command("AT+QISEND=0", b"> ")
    host.write(b"no hex\x1a")
    assert host.run(1) == b"\r\nERROR\r\n"


@pytest.mark.parametrize(
    ("kind", "printed"),
    [(1, [b"192.0.2.9"]), (2, [b"2001:db8::9"]), (3, [b"2001:db8::9", b"192.0.2.9"])],
)
def test_a_pdp_context_sees_the_addresses_of_its_own_kind(kind, printed):
    host = port()
    host.net.names["both.example"] = ["2001:db8::9", "192.0.2.9"]
    host.command(f'AT+QICSGP=1,{kind},"apn"')
    host.command("AT+QIACT=1")
    host.command('AT+QIDNSGIP=1,"both.example"')
    assert re.findall(rb'"dnsgip","([^"]+)"', host.run(1)) == printed
