"""The embedded default: the template and the Lambdas that would be deployed, on this machine."""
