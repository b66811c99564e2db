"""IAM on this machine: what a role's policies say to each call that a function makes.

`policy` judges requests by policies, `calls` knows which requests a call of boto3 needs, `enforcement` meets
the calls inside a Lambda worker, `simulator` answers what Sealpoint itself asks of IAM. Ours, because moto's
`iam.access_control` fails open: it counts a condition as met unless its operator is StringEquals.
"""
