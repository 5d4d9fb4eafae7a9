"""The kinds of personal data that are looked for, and what stands in their place.

| kind        | placeholder         | what                                                                                             |
|-------------|---------------------|--------------------------------------------------------------------------------------------------|
| `secret`    | `[secret]`          | keys, tokens, passwords, PINs, private-key blocks, credentials and tokens within URLs            |
| `email`     | `[email]`           | e-mail addresses, also written `ann at example dot com`                                          |
| `iban`      | `[iban]`            | international bank account numbers                                                               |
| `card`      | `[card]`            | payment cards; the security code where it is named as one                                        |
| `id_number` | `[id number]`       | national ids with a strong check; any number that is named as an id, a tax or account number     |
| `phone`     | `[phone]`           | telephone numbers                                                                                |
| `network`   | `[network address]` | IPv4, IPv6 and MAC addresses; loopback and unspecified ones stay                                 |
| `postal`    | `[address]`         | a street with its house number, with the town where it follows; British postcodes                |
| `name`      | `[name]`            | the talker's names, or the word that the persona has for who it talks to (`name_placeholder`)    |
| `person`    | `[name]`            | other people's names, which only Presidio looks for                                              |

The order is that of precedence: what two kinds claim goes to the first. A public URL stays as it is.
"""

from typing import NamedTuple

PLACEHOLDERS = {
    "secret": "[secret]",
    "email": "[email]",
    "iban": "[iban]",
    "card": "[card]",
    "id_number": "[id number]",
    "phone": "[phone]",
    "network": "[network address]",
    "postal": "[address]",
    "name": "[name]",
    "person": "[name]",
}


class Span(NamedTuple):
    """A stretch of a text, `[start, end)`, that is personal data of one kind."""

    start: int
    end: int
    kind: str
