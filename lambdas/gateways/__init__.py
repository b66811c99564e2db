"""The only code that calls AWS and Slack: each service with its retries and its error names."""
