"""The HTTP API for decisions: a route for Slack's clicks, and two for the command line."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk.aws_apigatewayv2_authorizers import HttpIamAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.lambda_function import LambdaFunction
from stacks.log_groups import LogGroups

_PATH = "/slack/interactions"
_DECISIONS_PATH = "/decisions"
_BACKOUTS_PATH = "/backouts"
# Of each route, so that a flood of forged clicks leaves room on the others. Only people click and decide:
# this is far above any day's decisions and far below a flood.
_REQUESTS_PER_SECOND = 20
_BURST = 40

# Who called which route, and the result; never headers, query or body.
_LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latencyMs": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
}


class ApprovalsApi(Construct):
    """A throttled and logged API: Slack signs the clicks, AWS verifies the decisions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        interactions: LambdaFunction,
        decisions: LambdaFunction,
        log_groups: LogGroups,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name=f"{stack.stack_name}-approvals",
            description="Decisions about Sealpoint's approvals",
            create_default_stage=False,
        )
        (clicks,) = self.api.add_routes(
            path=_PATH,
            methods=[apigateway.HttpMethod.POST],
            integration=HttpLambdaIntegration(
                "SlackInteractions",
                interactions.alias,
                payload_format_version=apigateway.PayloadFormatVersion.VERSION_2_0,
            ),
        )
        acknowledge(
            clicks,
            "AwsSolutions-APIG4",
            reason="Slack can't sign for AWS: the function verifies Slack's own signature over the raw body.",
        )
        for path, name in ((_DECISIONS_PATH, "Decisions"), (_BACKOUTS_PATH, "Backouts")):
            self.api.add_routes(
                path=path,
                methods=[apigateway.HttpMethod.POST],
                authorizer=HttpIamAuthorizer(),  # a caller's IAM policy allows it, or nothing does
                integration=HttpLambdaIntegration(
                    name,
                    decisions.alias,
                    payload_format_version=apigateway.PayloadFormatVersion.VERSION_2_0,
                ),
            )
        name = f"/aws/vendedlogs/http-api/{stack.stack_name}-approvals"
        log_group = log_groups.create(self, "AccessLogs", name=name)
        routes = [one for one in self.api.node.find_all() if isinstance(one, apigateway.CfnRoute)]
        limits = {"ThrottlingRateLimit": _REQUESTS_PER_SECOND, "ThrottlingBurstLimit": _BURST}
        stage = apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            route_settings={route.route_key: limits for route in routes},
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                # API Gateway wants the ARN without the `:*` that the log group's own attribute ends with
                destination_arn=stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log_group.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                ),
                format=json.dumps(_LOGGED),
            ),
        )
        for route in routes:
            # or API Gateway answers "Unable to find Route by key":
            # https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80
            stage.add_dependency(route)
        base = f"https://{self.api.api_id}.execute-api.{stack.region}.{stack.url_suffix}"
        self.interactions_url = base + _PATH
        self.decisions_url, self.backouts_url = base + _DECISIONS_PATH, base + _BACKOUTS_PATH
