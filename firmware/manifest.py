# Frozen into a firmware: include("path/to/firmware/manifest.py") from a board's manifest.
metadata(
    description="TLS sockets over the TLS stack of a Quectel BG95, BG77 or BG600L", version="0.1.0"
)
package("bg95")
