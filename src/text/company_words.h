/*
 * company_words.h
 *		Legal forms, trades and places in company names; included by company.c.
 *
 * All are folded as cd_text_fold() does it: lower case, no accents,
 * Simplified.  Initials are joined: "S.A. de C.V." is "sa de cv".  Sorted in
 * byte order.
 */
#define LEGAL_FORM_WORDS	5

/* Legal forms behind a name, words parted by one space. */
static const char *const legal_forms[] = {
	"ab", "abp", "ad", "ae", "aebe", "ag", "ag co kg", "ag co kgaa", "ag co ohg", "aisbl",
	"akcionersko drustvo", "aksjeselskap", "aktiebolag", "aktiengesellschaft", "aktieselskab",
	"amba", "anonim sirketi", "anpartsselskab", "ans", "ao", "aps", "as", "asa", "asbl", "berhad",
	"besloten vennootschap", "bhd", "bhd sdn", "bsc", "bt", "bv", "bvba", "chp", "cia", "cic",
	"cie", "cio", "cjsc", "clg", "co", "co inc", "co limited", "co llc", "co ltd", "comm v",
	"commv", "compagnie", "compania", "company", "company limited", "company ltd",
	"cong ty co phan", "cong ty tnhh", "cong ty tnhh mtv", "coop", "corp", "corp ltd",
	"corporation", "ctcp", "cv", "cvba", "cxa", "dac", "dd", "de cv", "dno", "doo", "dooel", "ead",
	"earl", "ebvba", "ec", "eg", "ehf", "einzelunternehmen", "eireli", "eireli me", "eirl", "ek",
	"ekfr", "enr", "eood", "epe", "epp", "eurl", "ev", "fcu", "fsb", "fz llc", "fzc", "fzco", "fze",
	"fze llc", "fzllc", "gbr", "ges mbh", "gesellschaft mbh",
	"gesellschaft mit beschrankter haftung", "gesmbh", "ggmbh", "gie", "gk", "gmbh", "gmbh co kg",
	"gmbh co kgaa", "gmbh co ohg", "godo kaisha", "goshi kaisha", "handelsbolag", "hb", "hf",
	"holding co", "ike", "inc", "inc ltee", "incorporated", "ivs", "ivzw", "jsc", "jtd",
	"kabushiki gaisha", "kabushiki kaisha", "kabushikigaisha", "kb", "keg", "kft", "kg", "kgaa",
	"kk", "kkt", "kommanditgesellschaft", "ks", "ksc", "kscc", "ky", "lda", "limitada", "limited",
	"limited company", "limited liability company", "limited partnership", "limited sirketi", "llc",
	"lllp", "llp", "lp", "ltd", "ltd co", "ltd sti", "ltda", "ltda epp", "ltda me", "ltee",
	"maatschap", "mb", "mbh", "mei", "mtv tnhh", "naamloze vennootschap", "nt sa", "nuf", "nv",
	"nyrt", "oao", "oe", "og", "ohg", "ojsc", "ood", "ooo", "ooo zao", "opc", "osakeyhtio",
	"osauhing", "ou", "oue", "oy", "oy ab", "oyj", "pao", "partg", "partg mbb", "partgmbb", "pc",
	"pcl", "persero", "persero tbk", "pfa", "pjsc", "plc", "pllc", "private limited", "private ltd",
	"proprietary limited", "proprietary ltd", "psc", "pt", "pte", "pte limited", "pte ltd", "pty",
	"pty limited", "pty ltd", "public co ltd", "public company limited", "public limited company",
	"pvt", "pvt limited", "pvt ltd", "reit", "rl", "s de rl", "s de rl de cv", "sa", "sa de cv",
	"sa esp", "saa", "sab de cv", "sac", "sae", "sal", "san tic as", "san tic ltd sti",
	"san ve tic as", "san ve tic ltd sti", "sanayi ve ticaret anonim sirketi",
	"sanayi ve ticaret as", "sanayi ve ticaret limited sirketi", "sanayi ve ticaret ltd sti",
	"saoc", "saog", "sapa", "sapi de cv", "sapib de cv", "sarl", "sarlu", "sas", "sas esp", "sasu",
	"sau", "sc", "sca", "scarl", "sccl", "sce", "scea", "sci", "scm", "scoop", "scop", "scp",
	"scrl", "scs", "sdn bhd", "se", "se co kg", "se co kgaa", "se co ohg", "selarl", "senc",
	"senc rl", "sencrl", "sgps", "sgps sa", "sia", "ska", "sl", "sll", "slp", "slu", "snc",
	"soc coop", "sociedad anonima", "sociedad anonima cerrada",
	"sociedad anonima de capital variable", "sociedad de responsabilidad limitada",
	"sociedad limitada", "sociedade anonima", "societa a responsabilita limitata",
	"societa per azioni", "societe a responsabilite limitee", "societe anonyme",
	"societe par actions simplifiee", "sp j", "sp k", "sp p", "sp z o o", "sp z oo", "sp zoo",
	"spa", "spc", "spj", "spk", "spol s ro", "spol sro", "spolka akcyjna",
	"spolka z ograniczona odpowiedzialnoscia", "spolka z oo", "spolka zoo", "spr de rl", "sprl",
	"sprlu", "spzoo", "srl", "srl de cv", "srls", "srltda", "sro", "ss", "sti", "stichting", "tbk",
	"teo", "teoranta", "tic as", "tic ltd sti", "ticaret limited sirketi", "tnhh", "tnhh mtv",
	"too", "tov", "uab", "ug", "ug co kg", "ug haftungsbeschrankt", "ulc", "ultd", "unipessoal lda",
	"unlimited", "vof", "vos", "vzw", "wll", "yk", "yugen kaisha", "zao", "zrt", "ао", "ат", "зао",
	"ип", "оао", "ооо", "пао", "прат", "тов", "тоо", "чп",
};

/* Legal forms and articles before a name. */
static const char *const legal_prefixes[] = {
	"ab", "as", "bv", "bvba", "cong ty co phan", "cong ty tnhh", "cong ty tnhh mtv", "ctcp", "cv",
	"eirl", "etablissements", "ets", "eurl", "fa", "firma", "gmbh", "kabushiki kaisha",
	"naamloze vennootschap", "nv", "oao", "ooo", "oy", "pao", "pt", "sarl", "sas", "sci", "selarl",
	"sia", "snc", "soc", "sociedade", "sprl", "srl", "ste", "stichting", "the", "uab", "vof",
	"zao", "ао", "зао", "ип", "оао", "ооо", "пао", "тоо", "чп",
};

/* Abbreviations of words in company names, sorted, and the words. */
static const char *const abbreviations[][2] = {
	{"amer", "american"}, {"assn", "association"}, {"assoc", "associates"}, {"assocs", "associates"},
	{"bldg", "building"}, {"bldrs", "builders"}, {"bros", "brothers"}, {"cafe", "coffee"}, {"centre", "center"},
	{"chem", "chemical"}, {"comm", "communications"}, {"commn", "commission"}, {"comms", "communications"},
	{"const", "construction"}, {"constr", "construction"}, {"ctr", "center"}, {"dept", "department"},
	{"dev", "development"}, {"dist", "distribution"}, {"distr", "distribution"}, {"elec", "electric"},
	{"electr", "electric"}, {"eng", "engineering"}, {"engg", "engineering"}, {"ent", "enterprises"},
	{"equip", "equipment"}, {"fed", "federal"}, {"fin", "financial"}, {"finl", "financial"}, {"govt", "government"},
	{"gp", "group"}, {"grp", "group"}, {"hldg", "holding"}, {"hldgs", "holdings"}, {"hosp", "hospital"},
	{"ind", "industries"}, {"inds", "industries"}, {"ins", "insurance"}, {"inst", "institute"},
	{"int", "international"}, {"intl", "international"}, {"lab", "laboratory"}, {"labs", "laboratories"},
	{"mach", "machinery"}, {"mfg", "manufacturing"}, {"mgmt", "management"}, {"mkt", "marketing"},
	{"mktg", "marketing"}, {"natl", "national"}, {"pharm", "pharmaceuticals"}, {"pharma", "pharmaceuticals"},
	{"prod", "products"}, {"prods", "products"}, {"pub", "publishing"}, {"refrig", "refrigeration"},
	{"rest", "restaurant"}, {"restaurants", "restaurant"}, {"service", "services"}, {"solution", "solutions"},
	{"svc", "services"}, {"svce", "services"}, {"svcs", "services"}, {"sys", "systems"}, {"system", "systems"},
	{"tech", "technologies"}, {"technology", "technologies"}, {"telecom", "telecommunications"},
	{"telecoms", "telecommunications"}, {"transp", "transport"}, {"univ", "university"},
};

/* Legal forms written without spaces, longest first. */
static const char *const cjk_forms[] = {
	"一般社团法人", "一般财团法人", "个人独资企业", "公益社团法人", "公益财团法人", "有限责任公司", "特殊普通合伙", "股份有限公司",
	"责任有限公司", "유한책임회사", "医疗法人", "合伙企业", "合同会社", "合名会社", "合资会社", "学校法人", "宗教法人", "普通合伙",
	"有限会社", "有限公司", "有限合伙", "株式会社", "社团法人", "股份公司", "财团法人", "사단법인", "유한회사", "재단법인", "주식회사",
	"특수법인", "합명회사", "합자회사", "总公司", "公司", "合", "有", "株", "유", "주",
};

/* What Chinese companies trade in, longest first. */
static const char *const cjk_trades[] = {
	"人力资源服务", "企业管理咨询", "会计师事务所", "国际货运代理", "供应链管理", "国际旅行社", "律师事务所", "房地产开发", "汽车零部件",
	"自动化设备", "进出口贸易", "五金制品", "人力资源", "人工智能", "企业管理", "会议服务", "体育文化", "保安服务", "保险经纪", "信息咨询",
	"信息技术", "信息科技", "健康科技", "健康管理", "光电科技", "农业发展", "农业科技", "劳务派遣", "包装制品", "医疗器械", "医疗科技",
	"商务咨询", "商务服务", "园林绿化", "国际物流", "国际贸易", "基金管理", "塑料制品", "家居用品", "小额贷款", "展览展示", "广告传媒",
	"建筑工程", "建筑设计", "建设工程", "影视文化", "投资管理", "教育咨询", "教育科技", "文化传媒", "文化传播", "智能科技", "机械制造",
	"机械设备", "机电设备", "汽车服务", "汽车贸易", "汽车配件", "汽车销售", "物业服务", "物业管理", "环保科技", "环境工程", "生态科技",
	"生物医药", "生物技术", "生物科技", "电子商务", "电子科技", "知识产权", "管理咨询", "网络技术", "网络科技", "营销策划", "融资租赁",
	"装饰工程", "货运代理", "资产管理", "软件开发", "软件技术", "酒店管理", "金属材料", "集成电路", "餐饮服务", "餐饮管理", "事务所",
	"互联网", "供应链", "保健品", "化妆品", "半导体", "大数据", "工作室", "工艺品", "微电子", "房地产", "摩托车", "新材料", "新能源",
	"旅行社", "日用品", "物联网", "电动车", "经营部", "自动化", "计算机", "进出口", "钢结构", "五金", "产业", "仓储", "仪器", "仪表",
	"企业", "会展", "传媒", "传播", "体育", "保安", "保洁", "保险", "信息", "信托", "健康", "光学", "光电", "农业", "制品",
	"制药", "制衣", "制造", "劳务", "包装", "化学", "化工", "医疗", "医药", "印刷", "发展", "咨询", "商务", "商行", "商贸",
	"园林", "地产", "培训", "基金", "塑料", "塑胶", "外贸", "娱乐", "安防", "实业", "家具", "家居", "家政", "家电", "展览",
	"工程", "工贸", "广告", "建材", "建筑", "建设", "影视", "快递", "批发", "技术", "投资", "担保", "控股", "教育", "数据",
	"文化", "旅游", "智能", "服务", "服装", "服饰", "期货", "机械", "机电", "材料", "检测", "橡胶", "水务", "汽车", "照明",
	"燃气", "物业", "物流", "玩具", "环保", "环境", "珠宝", "生态", "生物", "电力", "电器", "电子", "电气", "百货", "皮具",
	"石化", "石油", "矿业", "科技", "租赁", "策划", "管理", "纸业", "纸品", "纺织", "经贸", "网络", "置业", "美容", "能源",
	"航空", "航运", "船务", "茶业", "药业", "营销", "装修", "装饰", "认证", "设备", "设计", "证券", "货运", "贸易", "资本",
	"超市", "车业", "软件", "运输", "连锁", "通信", "通讯", "酒业", "酒店", "金属", "金融", "钢铁", "银行", "销售", "集团",
	"零售", "鞋业", "食品", "餐饮", "饮料", "首饰",
};

/* Places that Chinese company names begin with, longest first. */
static const char *const cjk_places[] = {
	"乌鲁木齐", "呼和浩特", "鄂尔多斯", "齐齐哈尔", "内蒙古", "哈尔滨", "新加坡", "景德镇", "石家庄", "秦皇岛", "连云港", "马鞍山",
	"黑龙江", "三亚", "上海", "东京", "东莞", "东营", "中国", "中山", "临沂", "义乌", "九江", "云南", "亚洲", "佛山", "保定",
	"兰州", "包头", "北京", "北海", "南京", "南充", "南宁", "南昌", "南通", "南阳", "厦门", "台中", "台北", "台南", "台州",
	"台湾", "合肥", "吉林", "咸阳", "唐山", "嘉义", "嘉兴", "四川", "基隆", "大同", "大庆", "大理", "大连", "大阪", "天津",
	"太原", "威海", "宁夏", "宁波", "安庆", "安徽", "宜宾", "宜昌", "宝鸡", "宿迁", "山东", "山西", "岳阳", "常州", "常德",
	"广东", "广州", "广西", "廊坊", "开封", "徐州", "德阳", "惠州", "成都", "扬州", "抚顺", "拉萨", "新乡", "新北", "新疆",
	"新竹", "无锡", "日照", "昆山", "昆明", "曲靖", "杭州", "柳州", "株洲", "桂林", "桃园", "武汉", "汕头", "江苏", "江西",
	"江门", "沈阳", "沧州", "河北", "河南", "泉州", "泰安", "泰州", "泸州", "洛阳", "济南", "济宁", "浙江", "海南", "海口",
	"淄博", "淮安", "深圳", "温州", "渭南", "湖北", "湖南", "湖州", "湘潭", "湛江", "漳州", "潍坊", "澳门", "烟台", "珠海",
	"甘肃", "盐城", "福州", "福建", "绍兴", "绵阳", "芜湖", "苏州", "荆州", "莆田", "蚌埠", "衡阳", "襄阳", "西宁", "西安",
	"西藏", "贵州", "贵阳", "赣州", "辽宁", "遵义", "邯郸", "郑州", "重庆", "金华", "银川", "锦州", "镇江", "长春", "长沙",
	"陕西", "青岛", "青海", "鞍山", "香港", "高雄", "黄石",
};

/* Words that say what a company does rather than which it is. */
static const char *const trade_words[] = {
	"america", "asia", "associates", "automotive", "bank", "bau", "beratung", "beteiligungs",
	"beverages", "cafe", "capital", "china", "comercial", "comercio", "commerciale",
	"communications", "conseil", "construction", "consultants", "consulting", "design",
	"deutschland", "dienstleistungen", "digital", "electronics", "elektronik", "energy",
	"engineering", "enterprise", "enterprises", "espana", "europe", "financial", "food", "foods",
	"france", "global", "group", "groupe", "grupo", "gruppe", "gruppo", "handel", "handels",
	"holding", "holdings", "hotel", "hotels", "india", "industria", "industrial", "industrias",
	"industrie", "industries", "insurance", "international", "inversiones", "investment",
	"investments", "italia", "japan", "laboratories", "labs", "logistics", "management",
	"marketing", "media", "motors", "networks", "partners", "pharma", "pharmaceuticals",
	"properties", "realty", "restaurant", "restaurants", "service", "services", "servicios",
	"servizi", "software", "solutions", "studio", "studios", "systems", "tech", "technik",
	"technologies", "technology", "telecom", "trading", "travel", "uk", "us", "usa", "ventures",
	"vertrieb", "verwaltungs", "worldwide",
};
