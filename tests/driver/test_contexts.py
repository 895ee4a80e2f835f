"""What was set holds for the connection that is opened, whoever else set what, and wherever that was cancelled."""

import pytest
import world as w

import bg95


@pytest.fixture
def world(authority):
    """Two servers: 8883 is the authority's, 8884 an impostor."""
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, type(authority)().server(w.HOST))
    return world


def refuses_the_impostor(context):
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(w.HOST, 8884)
    return refused.value.code == 566


def test_two_objects_of_one_id_do_not_get_each_others_settings(world, authority):
    strict = world.up(authority)
    strict.connect(w.HOST, 8883).close()
    lax = bg95.SSLContext(world.modem, strict.ssl_ctx_id)
    lax.verify_mode = bg95.CERT_NONE
    lax.connect(w.HOST, 8884).close()
    assert refuses_the_impostor(strict)
    lax.connect(w.HOST, 8884).close()


def test_a_setting_that_was_cancelled_on_its_way_is_not_taken_for_the_old_one(world, authority):
    context = world.up(authority)
    context.connect(w.HOST, 8883).close()
    for steps in range(1, 16):  # the look whether the context was kept, and the new seclevel
        context.verify_mode = bg95.CERT_NONE
        flow = context._connect(w.HOST, 8884, bg95.BUFFER, None)
        for _ in range(steps):
            next(flow)
            world.modem.poll()
            world.modem.idle()
        flow.close()
        context.verify_mode = bg95.CERT_REQUIRED
        assert refuses_the_impostor(context), steps
        context.connect(w.HOST, 8883).close()


def test_settings_changed_while_a_connection_is_open_are_the_next_ones(world, authority):
    context = world.up(authority)
    with context.connect(w.HOST, 8883) as sock:
        context.set_ciphers("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        context.verify_mode = bg95.CERT_NONE
        sock.write(b"ping")
        assert sock.read(4) == b"ping"
        context.connect(w.HOST, 8884).close()
        context.verify_mode = bg95.CERT_REQUIRED
        assert refuses_the_impostor(context)
        sock.write(b"pong")
        assert sock.read(4) == b"pong"


def test_a_host_may_be_bytes(world, authority):
    """As MQTT clients are often given it."""
    world.up(authority).connect(w.HOST.encode(), 8883).close()


@pytest.mark.parametrize("ahead", [0, 20, 60])
def test_tasks_that_open_at_a_time_do_not_get_each_others_settings(authority, ahead):
    """Settings are the module's, of one ID; they have to stay until the connection that they are for was begun, also
    where both tasks wait for the buffers of sockets that are being closed.
    """
    world = w.World(sockets=2)
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, type(authority)().server(w.HOST))
    strict = world.up(authority)
    lax = bg95.SSLContext(world.modem, strict.ssl_ctx_id)
    lax.verify_mode = bg95.CERT_NONE
    open_ones = [lax.connect(w.HOST, 8884), strict.connect(w.HOST, 8883)]
    world.host.module.faults.add("send_fail*20")
    for sock in open_ones:
        sock.setblocking(False)
        sock.write(b"what the module does not take yet")
        sock.close()
    jobs = []
    for context in (strict, lax):
        jobs.append(bg95.job.Job(world.modem, context._connect(w.HOST, 8884, bg95.BUFFER, None)))
        for _ in range(ahead):
            world.modem.poll()
            world.modem.idle()
    while not all(job.done for job in jobs):
        world.modem.poll()
        world.modem.idle()
    with pytest.raises(bg95.ConnectError, match="566"):
        jobs[0].result()
    jobs[1].result().close()
