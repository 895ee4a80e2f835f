"""What a test tells the module of the fixture `fake` to say."""


def connected(fake, mode=0):
    """A socket of the fake module, which is never asked who it is."""
    context = fake.driver.SSLContext(fake.modem, 1)
    context.verify_mode = fake.driver.CERT_NONE
    context.check_validity = False
    sock = context.connect("192.0.2.1", 443, mode=mode)
    sock.settimeout(60)
    return sock


def answering(fake, start, answers):
    """Let the next commands that begin with `start` get `answers`, one each; then the usual ones."""
    hear = fake.module._hear_line

    def first_these(line):
        if line.startswith(start) and answers:
            fake.module.say(answers.pop(0))
        else:
            hear(line)

    fake.module._hear_line = first_these


def taking(fake, answers):
    """Let what is sent next get `answers`, one each; then SEND OK. An answer: bytes, or a function that says it."""
    hear = fake.module._hear_data

    def first_these(data):
        if not answers:
            return hear(data)
        fake.module._want = fake.module._left = 0
        answer = answers.pop(0)
        return answer() if callable(answer) else fake.module.say(answer)

    fake.module._hear_data = first_these
