"""The use cases: what handlers do, with the domain's decisions and the gateways' calls."""
