"""How the keys and tokens of vendors look: the patterns of detect-secrets, and further ones."""

import re

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

# Only their patterns are used: scanning files, settings for the whole process and asking the vendors are not.
_DETECTORS: tuple[type[RegexBasedDetector], ...] = (
    ArtifactoryDetector,
    AWSKeyDetector,
    AzureStorageKeyDetector,
    CloudantDetector,
    DiscordBotTokenDetector,
    GitHubTokenDetector,
    GitLabTokenDetector,
    IbmCloudIamDetector,
    IbmCosHmacDetector,
    JwtTokenDetector,
    MailchimpDetector,
    NpmDetector,
    OpenAIDetector,
    PypiTokenDetector,
    SendGridDetector,
    SlackDetector,
    SoftlayerDetector,
    SquareOAuthDetector,
    StripeDetector,
    TelegramBotTokenDetector,
    TwilioKeyDetector,
)
_FURTHER = (
    r"(?<![\w\-])(?:sk|pk|rk)[-_](?:ant|proj|live|test|or|svcacct)[-_a-zA-Z0-9]{12,200}",
    r"(?<![\w\-])sk-[a-zA-Z0-9]{20,100}",
    r"AIza[0-9A-Za-z_\-]{35}",
    r"ya29\.[0-9A-Za-z_\-]{20,200}",
    r"(?<!\w)hf_[a-zA-Z0-9]{30,40}",
    r"(?<!\w)github_pat_[a-zA-Z0-9_]{30,100}",
    r"(?<!\w)xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+",
    r"(?<!\w)do[opr]_v1_[a-f0-9]{64}",
    r"(?<!\w)npm_[a-zA-Z0-9]{36}",
    r"(?<!\w)shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"(?<!\w)AGE-SECRET-KEY-1[A-Z0-9]{58}",
)
VENDORS = tuple(pattern for detector in _DETECTORS for pattern in detector().denylist) + tuple(map(re.compile, _FURTHER))
