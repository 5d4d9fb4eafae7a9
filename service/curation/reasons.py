"""Why something was not learned: a sentence for every reason key, in one place."""

REASONS = {
    "empty": "The reply says nothing.",
    "dictated": "The message dictates the reply ('say exactly', 'repeat after me'): it would teach words, not a voice.",
    "sensitive": "The message speaks of self-harm: its reply is not for learning.",
    "duplicate": "The same message with the same reply, in the same context, is there already.",
    "near_duplicate": "It says almost the same as one that is there already.",
    "contradiction": "The same reply was liked and disliked equally often.",
    "undecided": "As many people liked as disliked it.",
    "new_person": "It is the rating of somebody with few rated exchanges, and waits for more of them, or for the owner.",
    "burst": "It is one of many ratings that one person gave within a minute, and waits for the owner.",
    "crowd": "It is one of a rush of ratings by people who had hardly rated before, and waits for the owner.",
    "sweep": "It is the rating of one person who gave most of all likes or dislikes, and waits for the owner.",
    "contrary": "It is the rating of somebody who likes next to nothing of what others like, and waits for the owner.",
    "quarantined": "It is of, or on a message of, somebody whose words are not learned from.",
    "refused": "The owner looked at it and refused it.",
    "rolled_back": "It was new to a version that people liked less, and waits for the owner.",
    "unlikely": "The base finds the reply very unlikely, and it waits for the owner.",
    "alike_cap": "There were more near-duplicates than one cluster may give.",
    "conversation_cap": "There were more samples than one conversation may give.",
    "day_cap": "There were more samples than one person may give in a day.",
    "person_cap": "There were more samples than one person may give.",
    "beginning_cap": "Too many liked replies begin with the same words.",
    "word_cap": "Too many liked replies have the same word in them.",
    "holdout_twin": "It is nearly the same as a held-out one, and would give that away.",
    "over_budget": "There was more than the budget of rows; the others cover the topics better.",
    "too_long": "It is longer than the budget of tokens, even without its oldest exchanges.",
    "golden": "It is a golden row of the owner, or of its conversation: it is judged by, never trained on.",
    "already_there": "The same row came from another source.",
    "opening_held_out": "It begins like a conversation that is held out.",
    "replay_empty": "The base's own answer says nothing.",
    "replay_unfinished": "The base's own answer was cut off at its longest.",
    "replay_looping": "The base's own answer runs in circles.",
    "replay_already_there": "The base has given the same answer before.",
    "paraphrase_empty": "The other wording of a message says nothing.",
    "paraphrase_unfinished": "The other wording of a message was cut off at its longest.",
    "paraphrase_too_long": "The other wording of a message is much longer than the message.",
    "paraphrase_marks": "The other wording of a message has marks in it that are not part of a message.",
    "paraphrase_changed": "The other wording lost or added something that must stay, such as a number, a link or a placeholder.",
    "paraphrase_too_alike": "The other wording is nearly the message itself, or one that is there already.",
    "paraphrase_held_out": "The other wording is the opening of a conversation that is held out.",
    "paraphrase_failed": "The model that puts messages into other words could not be asked.",
}
"""Every reason key that a build may count, but those that end in `_over_share`, which begin with the name of a source of the mix."""

_OVER_SHARE = "_over_share"


def in_words(reason: str) -> str:
    """The sentence for a reason key; of a key that is not in the table, the key in words."""
    if reason.endswith(_OVER_SHARE):
        return f"The mix holds no more than a share of {reason.removesuffix(_OVER_SHARE).replace('_', ' ')} rows."
    return REASONS.get(reason, f"{reason.replace('_', ' ').capitalize()}.")
