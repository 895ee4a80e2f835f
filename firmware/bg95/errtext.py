"""Texts of the module's error codes; import it only to print one.

SSL and TCP errors 550-574 and the +CME ERROR codes of FILE (400-426) and other commands (0-47)
share one table, since no two of them share a code. Sources: at-commands.md 1.8, 2.8.2 and 2.4.
"""

# The text is written by `make tables` from host_tools/bg95_host/tables: edit the data there.

# One string, searched in place: a dict would cost several times the RAM.
_TEXTS = """
0 phone failure
1 no connection to phone
2 phone-adaptor link reserved
3 operation not allowed
4 operation not supported
5 PH-SIM PIN required
6 PH-FSIM PIN required
7 PH-FSIM PUK required
10 SIM not inserted
11 SIM PIN required
12 SIM PUK required
13 SIM failure
14 SIM busy
15 SIM wrong
16 incorrect password
17 SIM PIN2 required
18 SIM PUK2 required
20 memory full
21 invalid index
22 not found
23 memory failure
24 text string too long
25 invalid characters in text string
26 dial string too long
27 invalid characters in dial string
30 no network service
31 network timeout
32 network not allowed - emergency calls only
40 network personalization PIN required
41 network personalization PUK required
42 network subset personalization PIN required
43 network subset personalization PUK required
44 service provider personalization PIN required
45 service provider personalization PUK required
46 corporate personalization PIN required
47 corporate personalization PUK required
400 invalid input value
401 larger than the file size
402 read zero byte
403 drive full
405 file not found
406 invalid file name
407 file already existed
409 write failed
410 open failed
411 read failed
413 too many open files
414 file read-only
416 invalid file descriptor
417 list failed
418 delete failed
419 get disk info failed
420 no space
421 time out
423 file too large
425 invalid parameter
426 file already opened
550 unknown error
551 operation blocked
552 invalid parameter
553 memory not enough
554 create socket failed
555 operation not supported
556 socket bind failed
557 socket listen failed
558 socket write failed
559 socket read failed
560 socket accept failed
561 open PDP context failed
562 close PDP context failed
563 socket identity has been used
564 DNS busy
565 DNS parse failed
566 socket connection failed
567 socket has been closed
568 operation busy
569 operation timeout
570 PDP context broken down
571 cancel send
572 operation not allowed
573 APN not configured
574 port busy
"""


def text(code):
    """Return the documented text of the int `code`, or None where there is none. Allocates."""
    key = "\n%d " % code
    at = _TEXTS.find(key)
    if at < 0:
        return None
    at += len(key)
    return _TEXTS[at : _TEXTS.find("\n", at)]
