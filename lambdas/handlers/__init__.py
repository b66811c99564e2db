"""One file per Lambda function: take the event apart, call a service, return what the workflow needs."""
