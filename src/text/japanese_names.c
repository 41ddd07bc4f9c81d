/*
 * japanese_names.c
 *		The commonest Japanese family names and how they are read.
 *
 * Characters alone do not tell how a Japanese name is read, and ICU reads all
 * Han as Chinese; these names are borne by half of the country.
 */
#include "postgres.h"

#include "text/chars.h"
#include "text/words.h"

/* Folded as names are (Simplified forms), and their readings in Latin letters, each between spaces. */
static const struct
{
	const char *name;
	const char *spellings;
}			japanese_names[] =
{
	{"佐藤", " sato satou satoh "}, {"铃木", " suzuki "}, {"高桥", " takahashi "}, {"田中", " tanaka "},
	{"伊藤", " ito itou itoh "}, {"渡边", " watanabe "}, {"山本", " yamamoto "}, {"中村", " nakamura "},
	{"小林", " kobayashi "}, {"加藤", " kato katou katoh "}, {"吉田", " yoshida "}, {"山田", " yamada "},
	{"佐々木", " sasaki "}, {"山口", " yamaguchi "}, {"松本", " matsumoto "}, {"井上", " inoue inouye "},
	{"木村", " kimura "}, {"斋藤", " saito saitou saitoh "}, {"清水", " shimizu "}, {"山崎", " yamazaki yamasaki "},
	{"池田", " ikeda "}, {"桥本", " hashimoto "}, {"阿部", " abe "}, {"石川", " ishikawa "}, {"山下", " yamashita "},
	{"中岛", " nakajima nakashima "}, {"石井", " ishii "}, {"小川", " ogawa "}, {"前田", " maeda "}, {"冈田", " okada "},
	{"长谷川", " hasegawa "}, {"藤田", " fujita "}, {"后藤", " goto gotou gotoh "}, {"近藤", " kondo kondou "},
	{"村上", " murakami "}, {"远藤", " endo endou "}, {"青木", " aoki "}, {"坂本", " sakamoto "}, {"福田", " fukuda "},
	{"太田", " ota oota ohta "}, {"西村", " nishimura "}, {"藤井", " fujii "}, {"藤原", " fujiwara "},
	{"冈本", " okamoto "}, {"三浦", " miura "}, {"金子", " kaneko "}, {"中野", " nakano "}, {"中川", " nakagawa "},
	{"原田", " harada "}, {"松田", " matsuda "}, {"竹内", " takeuchi "}, {"小野", " ono "}, {"田村", " tamura "},
	{"中山", " nakayama "}, {"和田", " wada "}, {"石田", " ishida "}, {"森田", " morita "}, {"上田", " ueda "},
	{"内田", " uchida "}, {"柴田", " shibata "}, {"酒井", " sakai "}, {"宫崎", " miyazaki "}, {"横山", " yokoyama "},
	{"高木", " takagi "}, {"安藤", " ando andou "}, {"宫本", " miyamoto "}, {"大野", " ono oono ohno "},
	{"小岛", " kojima "}, {"谷口", " taniguchi "}, {"工藤", " kudo kudou "}, {"今井", " imai "},
	{"高田", " takada takata "}, {"丸山", " maruyama "}, {"増田", " masuda "}, {"杉山", " sugiyama "},
	{"村田", " murata "}, {"大冢", " otsuka ootsuka ohtsuka "}, {"小山", " koyama oyama "}, {"平野", " hirano "},
	{"河野", " kono kouno kawano "}, {"藤本", " fujimoto "}, {"新井", " arai "}, {"上野", " ueno "}, {"武田", " takeda "},
	{"野口", " noguchi "}, {"松井", " matsui "}, {"千叶", " chiba "}, {"菅原", " sugawara "}, {"岩崎", " iwasaki "},
	{"久保", " kubo "}, {"木下", " kinoshita "}, {"佐野", " sano "}, {"野村", " nomura "}, {"松尾", " matsuo "},
	{"市川", " ichikawa "}, {"菊地", " kikuchi "}, {"菊池", " kikuchi "}, {"杉本", " sugimoto "}, {"古川", " furukawa "},
	{"大西", " onishi oonishi ohnishi "}, {"岛田", " shimada "}, {"水野", " mizuno "}, {"樱井", " sakurai "},
	{"高野", " takano kono "}, {"吉川", " yoshikawa kikkawa "}, {"山内", " yamauchi "}, {"西田", " nishida "},
	{"饭田", " iida "}, {"西川", " nishikawa "}, {"小松", " komatsu "}, {"北村", " kitamura "}, {"安田", " yasuda "},
	{"五十岚", " igarashi "}, {"川口", " kawaguchi "}, {"平田", " hirata "}, {"关", " seki "},
	{"中田", " nakata nakada "}, {"久保田", " kubota "}, {"服部", " hattori "}, {"东", " higashi azuma "},
	{"岩田", " iwata "}, {"土屋", " tsuchiya "}, {"川崎", " kawasaki "}, {"福岛", " fukushima "}, {"本田", " honda "},
	{"辻", " tsuji "}, {"樋口", " higuchi "}, {"秋山", " akiyama "}, {"田口", " taguchi "}, {"永井", " nagai "},
	{"山中", " yamanaka "}, {"中西", " nakanishi "}, {"吉村", " yoshimura "}, {"川上", " kawakami "},
	{"石原", " ishihara "}, {"大桥", " ohashi oohashi "}, {"松冈", " matsuoka "}, {"滨田", " hamada "},
	{"马场", " baba "}, {"森本", " morimoto "}, {"矢野", " yano "}, {"浅野", " asano "}, {"松下", " matsushita "},
	{"星野", " hoshino "}, {"大久保", " okubo ookubo ohkubo "}, {"吉冈", " yoshioka "}, {"小池", " koike "},
	{"野田", " noda "}, {"荒木", " araki "}, {"大谷", " otani ohtani ootani "}, {"内藤", " naito naitou "},
	{"黑田", " kuroda "}, {"熊谷", " kumagai kumagaya "}, {"松浦", " matsuura "}, {"川村", " kawamura "},
	{"小田", " oda "}, {"本间", " honma homma "}, {"片山", " katayama "}, {"三宅", " miyake "}, {"森", " mori "},
	{"冈", " oka "}, {"原", " hara "},
};

/* How a family name is spelled in Latin letters; NULL if it is not among those known. */
const char *
cd_japanese_spellings(const uint32 *cp, int len)
{
	CdWord		word = {cp, len, CD_GAP_NONE};

	for (int i = 0; i < (int) lengthof(japanese_names); i++)
	{
		if (cd_word_is(&word, japanese_names[i].name))
			return japanese_names[i].spellings;
	}
	return NULL;
}

/*
 * How many characters of a name written as one word are a Japanese family
 * name of two or three; 0 if none.  Shorter names of three characters are
 * taken for Chinese ones.
 */
int
cd_japanese_family_length(const uint32 *cp, int len)
{
	if (len >= 4 && cd_japanese_spellings(cp, 3) != NULL)
		return 3;
	if (len >= 4 && cd_japanese_spellings(cp, 2) != NULL)
		return 2;
	return 0;
}
