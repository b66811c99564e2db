"""The local run: the template and the Lambdas that would be deployed, on this machine."""
