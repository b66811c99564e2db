"""The decisions of a remediation: plain functions over plain data, with no AWS or Slack call in them.

Its rooms, each of which imports only from itself and those before it: the words (vocabulary, errors, record,
claims), then encryption and approval, then backout, closing and sweep, then messages.
"""
