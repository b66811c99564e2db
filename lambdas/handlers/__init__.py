"""One file per Lambda function: take the event apart, call the domain, say what happened."""
