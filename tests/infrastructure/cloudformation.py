"""A synthesized template, deployed to moto's CloudFormation as far as moto knows its resources."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from functools import cached_property
from typing import Any

import boto3
from moto.cloudformation.parsing import get_model_map

from tests.infrastructure.template import ACCOUNT_ID, Template

# Left out of what is deployed; a test holds this list to what moto really doesn't know.
UNKNOWN_TO_MOTO = {
    "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage", "AWS::CloudWatch::Alarm", "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret", "AWS::SecretsManager::ResourcePolicy",
}  # fmt: skip


def unknown_to_moto(template: Template) -> set[str]:
    """The types of a template that moto would skip with a warning."""
    return {resource["Type"] for resource in template.body["Resources"].values()} - get_model_map().keys()


class DeployedStack:
    """One region's stack, in a bootstrapped account that has nothing else in it; inside of `mock_aws`."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.name = template.path.name.removesuffix(".template.json")
        for parameter in template.body["Parameters"].values():
            self.client("ssm").put_parameter(Name=parameter["Default"], Value="21", Type="String")
        self._publish_assets()
        self.client("cloudformation").create_stack(StackName=self.name, TemplateBody=self._body())

    def client(self, service: Any) -> Any:
        return boto3.client(service, region_name=self.template.region)

    def update(self, template: Template) -> None:
        self.template = template
        self._publish_assets()
        self.client("cloudformation").update_stack(StackName=self.name, TemplateBody=self._body())
        self.__dict__.pop("physical_ids", None)

    def delete(self) -> None:
        self.client("cloudformation").delete_stack(StackName=self.name)

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @cached_property
    def physical_ids(self) -> dict[str, str]:
        """By logical id; some resources of moto's have none."""
        found = self.client("cloudformation").describe_stack_resources(StackName=self.name)
        return {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found["StackResources"]
        }

    def of_type(self, resource_type: str) -> dict[str, str]:
        """The physical ids of a type's resources, by logical id."""
        return {name: self.physical_ids[name] for name in self.template.resources(resource_type)}

    def _publish_assets(self) -> None:
        """As `cdk deploy` does before it deploys; what is in the code, other tests look at."""
        s3 = self.client("s3")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("code.py", "")
        assets = json.loads(self.template.path.with_name(f"{self.name}.assets.json").read_text())["files"]
        for place in (place for asset in assets.values() for place in asset["destinations"].values()):
            bucket = place["bucketName"].replace("${AWS::AccountId}", ACCOUNT_ID)
            if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.template.region}}
                s3.create_bucket(Bucket=bucket, **({} if self.template.region == "us-east-1" else elsewhere))
            s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=code.getvalue())

    def _body(self) -> str:
        """The template without what moto doesn't know, and with the pseudo parameters that it gets wrong."""
        body = copy.deepcopy(self.template.body)
        left_out = {name: res for name, res in body["Resources"].items() if res["Type"] in UNKNOWN_TO_MOTO}
        resources = {name: res for name, res in body["Resources"].items() if name not in left_out}
        for resource in resources.values():
            after = resource.get("DependsOn", [])
            listed: list[str] = [after] if isinstance(after, str) else after
            resource["DependsOn"] = [name for name in listed if name not in left_out]
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate":  # no creation fails here
                resource["DeletionPolicy"] = "Retain"
            if resource["Type"] == "AWS::KMS::Key":
                resource["Properties"].pop("Tags", None)  # moto expects KMS's own form of tags there
        return json.dumps(self._stood_in({**body, "Resources": resources}, left_out))

    def _stood_in(self, value: Any, left_out: dict[str, Any]) -> Any:
        """References to what is left out, answered as its Ref would be on AWS; a function for its alias."""
        template = self.template
        match value:
            case list():
                return [self._stood_in(member, left_out) for member in value]
            case {"Ref": "AWS::Partition" | "AWS::URLSuffix"}:
                return template.resolve(value)  # moto says `aws` in every region
            case {"Ref": name} if name in left_out:
                match left_out[name]["Type"]:
                    case "AWS::Lambda::Alias":
                        return {"Fn::GetAtt": [left_out[name]["Properties"]["FunctionName"]["Ref"], "Arn"]}
                    case "AWS::SecretsManager::Secret":
                        place = f"arn:{template.partition}:secretsmanager:{template.region}"
                        return f"{place}:{ACCOUNT_ID}:secret:{name}"
                    case _:
                        return name
            case {"Fn::GetAtt": [name, "Arn"]} if name in left_out:
                place = f"arn:{template.partition}:cloudwatch:{template.region}:{ACCOUNT_ID}"
                return f"{place}:alarm:{left_out[name]['Properties']['AlarmName']}"
            case dict():
                return {key: self._stood_in(member, left_out) for key, member in value.items()}
            case _:
                return value
