"""A whole play as Project Gutenberg has it: front matter, 43 headings of speakers, songs, letters, licence.

The figures that are usually given for it are 1,566 speeches, 379 of them Lily's. Lily's are right. 1,566 are the names on a line of their
own that hold no comma; 13 speeches more are there: 8 by several with commas between the names, 2 whose name stands in one line with the
beginning of the speech (1948, 5263), and 3 that a brace gathers (8028, 8032, 8036).
"""

import re

import pytest

from service.curation.transcripts.cast import read_cast
from service.curation.transcripts.chunks import chunks
from service.curation.transcripts.directions import render
from service.curation.transcripts.pairs import pairs
from tests.curation.transcripts.conftest import PLAY

pytestmark = pytest.mark.skipif(not PLAY.exists(), reason="the play lies beside the repository, not in it")

# Read by a person in the file, not by the program: the line of the name, who speaks, and how what is said begins without its directions.
_ACT_1 = [
    (260, "ROPER", "Hul-lo! I'm in luck! Just the chap I'm hunting for. How d'ye do, Lord Farncombe?"),
    (265, "FARNCOMBE", "How are you, Roper?"),
    (269, "GLADYS", "I'll tell Mrs. Upjohn you're here."),
    (273, "ROPER", "Ta. Phew, it's hot!"),
    (503, "MRS. UPJOHN", "Glad to see you 'ere again. You 'ave been before"),
    (523, "FARNCOMBE", "On the piano."),
    (534, "ROPER", "Where is Lil?"),
    (555, "FARNCOMBE", "I prophesy that Mr. Morgan's picture of Miss Parradell won't have dried"),
    (640, "FARNCOMBE", "I-- er-- I think I'll go for a little walk"),
    (667, "FARNCOMBE", "Thank you-- thank you very much."),
    (673, "MRS. UPJOHN", "I b'lieve you gave that young man the 'int"),
    (817, "ROPER", "Farncombe hasn't tumbled to it yet."),
    (1203, "LILY", "Wh-e-e-w! I'm dead! Ah, Nicko! I couldn't stand the heat in the studio any longer, mother. Mon Oncle!"),
    (1222, "JEYES", "You drove me wild last night."),
    (1226, "LILY", "Served you right. For God's sake, let me lie down. Don't come near me."),
    (1333, "BLAND", "Why do you retain the services of that tousled-headed hussy?"),
    (1837, "VON RETTENMAYER", "Weib, was ist in aller Welt\nDir an Schoenheit gleichgestellt!"),
    (1855, "VON RETTENMAYER", "Venus, seinen Nacken beut\nDir Den Sklave, dienstbereit!"),
    (1948, "VON RETTENMAYER, BLAND, and DE CASTRO", "Ha, ha, ha, ha!"),
    (1951, "LILY", "Seen our show at the Pandora?"),
    (
        1981,
        "JIMMIE",
        "Boys! Heugh, heugh, heugh! Wait a minute; I've swallowed some of the Baron's German. B-oys, seriously-- no rot-- jolly",
    ),
    (1992, "BLAND, VON RETTENMAYER, DE CASTRO, AND ROPER", "Hear, hear!"),
    (2020, "BLAND, DE CASTRO, AND ROPER", "In a cup o' tea!"),
    (2024, "VON RETTENMAYER", "In a gob o' dea!"),
    (2085, "ROPER, DE CASTRO, AND VON RETTENMAYER", '"Mind the paint! Mind the paint! Tra, lal, la, lal, la, lal'),
    (2101, "ROPER, VON RETTENMAYER, AND DE CASTRO", "Lily! Goddess! Lil!"),
    (
        2116,
        "LILY",
        "I've a very charming dwelling,\n(You know where without the telling)\nDecorated in a style that's rather quaint!\nSmart",
    ),
    (2140, "LILY", "I'm possessed of all the graces,\nOh, a perfect dr-r-r-ream my face is!"),
]
_ACT_2 = [
    (
        2864,
        "COOLING",
        'Had this from her ten minutes ago. Listen to this. "My Dressing-room. 11-15. 80 degrees, with the windows open." Haw',
    ),
    (2874, "COOLING", '"Morrie, you pig." "Morrie, you pig. I should feel deeply indebted to you'),
    (2886, "COOLING", '"--that lying worm Lal Roper----"'),
    (2890, "ROPER", "All right, all right."),
    (2908, "COOLING", '"--which I will never forgive you for, Morris Cooling-- neither you nor Lal Roper.'),
    (3134, "VON RETTENMAYER", "Mr. Davish-- Mr. Balk-- eggsdremely glever; but if you could zee your way glear to gif Enid"),
    (3345, "DAPHNE and NITA", "How d'ye do, Bertie? How d'ye do, Von?"),
    (3354, "DAPHNE and NITA", "How d'ye do, Stewie? How d'ye do, Jerry? Oh, Dolly! That you, Dolly?"),
    (3593, "THE MEN", "Many happy returns of day! Many happy returns of the day!"),
    (3603, "ROPER", "Mind the paint!"),
    (3607, "SOME OF THE MEN", "Ha, ha, ha!"),
    (3611, "LILY", "My roses! Be careful of me, boys! One at a time!"),
    (3626, "THE LADIES", "Many happy returns of the day!"),
    (3635, "PALK", "Here's the guv'nor!"),
    (4090, "JIMMIE", 'Why, there it is! "There are no friends like the old friends, The constant, tried, and true;--" Room for a little'),
    (4157, "BLAND", "Nita."),
    (4161, "NITA", "No; this is with Douglas."),
    (4177, "GABRIELLE", "Oh, you again!"),
    (4190, "FULKERSON", '"Vawlse. Cry dee cure."'),
    (4889, "COOLING AND LILY", "Tra, lal, la! Tra, lal, la----!"),
    (5034, "HENEAGE AND GRIMWOOD", "Whoop! Whoop!"),
    (5042, "JIMMIE", '"Mind the paint! Mind the paint! A girl is not a sinner just because'),
    (5048, "LILY", "Ha, ha, ha! You'll drop me! Oh----!"),
]
_ACT_3 = [
    (5118, "LILY", "Come in, dears; come in, boys. Take off your things for a minute."),
    (5258, "ENID", "Don't be an idiot, Karl. Sam, will you fetch me some soda-water?"),
    (5263, "VON RETTENMAYER", "I beg bardon."),
    (5268, "ENID", "What a sight! I wonder whether Lil would mind me going into her bedroom?"),
    (5395, "JIMMIE", "Ho, ho! Well, I never! Oh, but it isn't exactly a love-letter, is it?"),
    (5428, "FARNCOMBE", 'For heaven\'s sake, don\'t chaff me! "--after the others have gone?" How would this do? "I know I am presuming'),
    (5548, "FULKERSON", '"Oh, the gals! Oh, the gals! I am awfully fond of the gals!----"'),
    (5553, "VON RETTENMAYER, ROPER, DE CASTRO, ENID AND GABRIELLE", '"Be they ebon or blond, Of the gals I am fond;----"! Ha, ha'),
    (5576, "ROPER", "Choose your partners, gents! Jimmie----!"),
    (5831, "ROPER", "And any happiness that befalls you-- any happiness that befalls you-- I'll leave it there. God bless yer"),
    (6260, "LILY", "N-no-- we'd better not---- Mother. That you, mother? Who is it? Nicko! How-- how have you got in? Oh-- oh----!"),
    (6284, "JEYES", "An odd question, in the circumstances."),
    (6480, "JEYES", '"Dear Miss Parradell. Will you allow me----?"'),
    (6488, "JEYES", '"Will you allow me to remain behind for a few minutes with Miss Jimmie'),
    (6926, "LILY", "Thank God Nicko came along! Thank God Nicko came along! What was it his mother called us girls?"),
    (6969, "MRS. UPJOHN", "Lil----?"),
    (7062, "LILY", "I'm in love, mother-- I'm in love-- in love-- in love----!"),
]
_ACT_4 = [
    (7093, "MAUD", "What frock'll you put on?"),
    (7097, "LILY", "Eh?"),
    (7426, "JIMMIE", "T-t-the Cap--! N-n-nicko? Oh-h-h-h!"),
    (7450, "MRS. UPJOHN", "'Ow do you feel about it?"),
    (7871, "ROPER", "And-- I frankly admit it-- I've had more than one serious dispute with Mrs. Roper on the subject. Yesterday"),
    (7895, "LILY", "Forgive us! Mother and Jimmie are cats----!"),
    (8008, "JIMMIE, MRS. UPJOHN, AND ROPER", "Lil! Lily----!"),
    (8028, "JIMMIE", "Buck up, Lil!"),
    (8032, "ROPER", "My pet!"),
    (8036, "MRS. UPJOHN", "'Ark to reason, dearie."),
    (8040, "JIMMIE, MRS. UPJOHN, AND ROPER", "Lil! Lily----!"),
    (8177, "MAUD", "Morning, Miss Jimmie!"),
    (8382, "FARNCOMBE", "Except that-- that I'd like to repeat-- what I've already said to Jeyes-- that I-- oh, you make me feel"),
    (8405, "JEYES", "Resolutions?"),
    (8606, "LILY", "She calls herself Hupjohn, you mean!"),
    (8738, "MRS. UPJOHN", "Oh--! Oh, the dear Captain!"),
    (8766, "MRS. UPJOHN", "'Ush, dearie; 'ush! Don't consider 'im! Think-- think wot a lot o' good you're all doin' to the aristocracy!"),
]


def test_every_speech_is_found(play):
    """All 1,579, Lily's 379 among them, in four acts, and nothing of the front matter, the errata or the licence."""
    assert sum(play.cast.values()) == 1579
    assert play.cast["LILY"] == 379
    assert [scene.title for scene in play.scenes] == ["THE FIRST ACT", "THE SECOND ACT", "THE THIRD ACT", "THE FOURTH ACT"]
    assert all(253 < speech.line < 8776 for speech in play.speeches)
    assert not any(re.search("gutenberg|copyright|errata|amateur performances", speech.text, re.IGNORECASE) for speech in play.speeches)


def test_the_figures_usually_given_are_explained(play):
    """1,566 without the 13 that are counted in this module's docstring."""
    shared = sum(count for speaker, count in play.cast.items() if "," in speaker and speaker != "VON RETTENMAYER, BLAND, and DE CASTRO")
    assert (shared, 1579 - shared - 2 - 3) == (8, 1566)


@pytest.mark.parametrize("sample", [_ACT_1, _ACT_2, _ACT_3, _ACT_4], ids=["act 1", "act 2", "act 3", "act 4"])
def test_who_speaks_and_what_is_right(play, sample):
    """Those who speak together, directions before, within and beside a name, letters that are read, songs, braces."""
    speeches = {speech.line: speech for speech in play.speeches}
    found = [(line, speeches[line].speaker, render(speeches[line].text, "strip", ())[: len(said)]) for line, _, said in sample]
    assert found == sample


def test_the_sample_is_large_enough():
    """At least 60 speeches over all acts."""
    assert len(_ACT_1 + _ACT_2 + _ACT_3 + _ACT_4) >= 60


def test_a_refrain_that_several_sing_is_nobodys(play):
    """`If you would only, only love me` follows a direction that says who sings, not the speech of who spoke last."""
    assert not any("be yours some day" in speech.text for speech in play.speeches)
    assert any("be yours some day" in direction.text for direction in play.scenes[2].directions)


def test_lily_as_the_persona_gives_a_pair_for_nearly_every_speech(play):
    """At least 340; each reply is hers alone or shared by her, and what it answers is not."""
    made = pairs(play, read_cast(["LILY=assistant"], play))
    assert len(made) == 375
    mine = {speech.line: render(speech.text, "strip", ()) for speech in play.speeches if "LILY" in speech.speaker}
    for one in made:
        assert one.messages[-1].content.startswith(mine[one.line])
        assert not set(one.messages[-2].content.split("\n\n")) & {f"LILY: {text}" for text in mine.values()}


def test_every_part_in_turn_gives_its_pairs(play):
    """At least 1,400 in all, and for each part no more than it has speeches, alone or with others."""
    made = {speaker: len(pairs(play, read_cast([f"{speaker}=assistant"], play))) for speaker in play.cast}
    assert sum(made.values()) >= 1400
    for speaker, count in made.items():
        assert count <= sum(times for other, times in play.cast.items() if speaker in other)


def test_pieces_are_whole_acts(play):
    """Together the pieces of an act are all that is said in it, cut between speeches, at most 2,000 characters each."""
    made = chunks(play)
    for scene in play.scenes:
        pieces = [one.text for one in made if one.scene == scene.title]
        said = [f"{speech.speaker}: {render(speech.text, 'strip', ())}" for speech in scene.speeches]
        written = re.sub(r"\s+", " ", " ".join(said))
        again = re.sub(r"\s+", " ", " ".join(pieces)).replace(" LILY: ", " ")
        assert again == written.replace(" LILY: ", " ")  # one speech of hers is longer than a piece, and has her name twice
    assert max(len(one.text) for one in made) <= 2000
    assert [len(chunks(play, longest=100_000)), len(made)] == [4, len(made)]
