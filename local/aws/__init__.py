"""What stands in for AWS on this machine, but for SageMaker: moto's services, and what moto lacks."""
