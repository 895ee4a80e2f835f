"""The far side of the link in tests and the demo: certificates and servers on this machine."""
