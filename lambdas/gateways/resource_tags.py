"""The tags of many resources at once, through the Resource Groups Tagging API.

It takes one call for a hundred endpoints and uses none of SageMaker's quota.
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdas.gateways import aws
from lambdas.gateways.aws import pages, translated

if TYPE_CHECKING:
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

_PAGE = 100  # the API's own limit


class ResourceTags:
    """May raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, client: ResourceGroupsTaggingAPIClient | None = None) -> None:
        self._client = client or aws.client("resourcegroupstaggingapi")

    def of_endpoints(self) -> dict[str, dict[str, str]]:
        """The tags of every endpoint that has any, by its ARN in lower case.

        ARNs of older endpoints contain the name in lower case, those of newer ones as it was given.
        """
        asked = {"ResourceTypeFilters": ["sagemaker:endpoint"], "ResourcesPerPage": _PAGE}
        with translated("Resource Groups Tagging"):
            found = pages(self._client.get_resources, asked, "PaginationToken")
            return {
                resource.get("ResourceARN", "").lower(): {
                    tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])
                }
                for page in found
                for resource in page["ResourceTagMappingList"]
            }
