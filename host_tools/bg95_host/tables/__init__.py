"""The module's tables as data (`*.toml`), and the generator of every file made from them.

One truth for what the driver and the simulated module must both know: cipher suites, error codes,
AT+QSSLCFG items, baud rates. Neither reads the TOML: `make tables` writes Python for each, and a
test says when that is due. It needs the source tree, since it writes into `firmware/` too.
"""
