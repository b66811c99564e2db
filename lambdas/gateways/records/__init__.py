"""The records table in DynamoDB, and what is kept in it."""
