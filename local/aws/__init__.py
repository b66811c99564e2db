"""What stands in for AWS on this machine, except SageMaker: moto's services, and what moto lacks."""
