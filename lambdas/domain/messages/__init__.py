"""What people read and click in Slack, as plain data."""
