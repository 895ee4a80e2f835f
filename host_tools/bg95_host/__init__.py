"""Host tools for the bg95 driver: simulated module, rigs, deploy, provision, debug."""
