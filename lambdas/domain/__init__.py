"""The decisions of a remediation: plain functions over plain data, with no AWS or Slack call in them."""
