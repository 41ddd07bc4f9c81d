#!/usr/bin/env python3
"""Make a messy company: CSV files of three systems, and the truth kept aside.

    demo/generate.py FOLDER [--people N] [--seed S] [--now MOMENT] [--records-only]

Writes one CSV file a table, each with a header line:

    crm_contact, crm_company      people and companies the sales team knows
    shop_account, shop_order,     accounts, order and refund lines, carts
    shop_cart
    web_visitor, web_sign_in,     cookies, which of them signed in to which
    web_view                      account, and what they looked at
    campaign_contact              who was written to, and who answered
    truth                         (source, key, person): which rows are whom

With --records-only nobody orders, fills a cart, looks at a page or is written
to, but for the family of the demo's story; the people are others than without.

People have Latin, Chinese or mixed names. The same person is written
differently in each system: typing errors, nicknames, swapped fields, simplified
or traditional characters or pinyin, moved homes, new surnames, shared e-mail
addresses. Everything follows from the seed, the size and the moment. The
generator stands alone: no word list or error table is shared with the
extension it tests.
"""
import argparse
import csv
import datetime as dt
import itertools
import os
import random
import sys
from bisect import bisect

GIVEN_F = """Emma Olivia Sophia Isabella Charlotte Amelia Harriet Evelyn Abigail Emily Elizabeth Margaret Katherine
Susan Deborah Jennifer Rebecca Victoria Alexandra Christine Anna Marie Julia Hannah Lena Greta Ingrid Astrid Freya
Claire Camille Amelie Colette Brigitte Lucia Carmen Pilar Ines Paola Giulia Chiara Francesca Agnieszka Zofia
Katarzyna Marijke Annelies Saskia Fatima Aisha Leila Yasmin Priya Ananya Divya Lakshmi Niamh Siobhan Aoife
Beatriz Joana Mariana Elena Irina Svetlana Natalia Ioana Zuzana Petra""".split()
GIVEN_M = """Oliver William James Benjamin Lucas Henry Alexander Michael Daniel Matthew Samuel Joseph Anthony
Christopher Andrew Robert Richard Charles Edward Thomas Jonathan Nicholas Patrick Timothy Gregory Philip Lars Erik
Sven Anders Bjorn Hans Klaus Dieter Jürgen Günter Matthias Pierre Jean-Luc Étienne François Guillaume Carlos Javier
Alejandro Joaquín Giovanni Marco Lorenzo Paweł Krzysztof Tomasz Willem Joost Pieter Mohammed Ahmed Omar Yusuf Rahul
Arjun Vikram Sanjay Seán Ciarán Eoin João Tiago Rui Dmitri Sergei Andrei Radu Jakub Ondřej""".split()
FAMILY = """Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White
Roberts Green Hall Wood Jackson Clarke Harrison Fletcher Pemberton Ashworth Thistlewood Featherstone Müller Schmidt
Schneider Fischer Weber Wagner Becker Hoffmann Schäfer Koch Zimmermann Köhler Dubois Lefèvre Moreau Girard Fournier
Lambert Rousseau Garnier García Martínez Hernández López Sánchez Ramírez Domínguez Rossi Ferrari Esposito Bianchi
Colombo Ricci Nowak Kowalski Wiśniewski Wójcik Zieliński Jansen Bakker Visser Smit Meijer Mulder Andersson Johansson
Lindqvist Nyström Hansen Pedersen Sørensen Murphy O'Brien O'Connor Gallagher Doherty McCarthy MacDonald Campbell
Silva Santos Ferreira Oliveira Carvalho Ivanov Petrov Popescu Dvořák Novotný Khan Hussain Rahman Patel Sharma Gupta
Iyer Chaudhary Nakamura Kovács Horváth""".split()
# Rarer family names are put together from parts, so that a large company has a long tail of them.
PART_A = "Ash Bark Birk Brad Carl Crav Dun Eld Fair Farn Gold Grim Hart Hazel Holm Kirk Lang Lind Mar Nor Oak Pen Quar Rams Red Sel Stan Strat Thorn Ull Wal Wes Whit Win York".split()
PART_B = "bourne by cliffe combe dale den field ford gate grave ham hurst lake ley low man mere more ney ridge rop shaw sted stone stow ton ville well wick wood worth".split()
PARTICLE = ["van der", "van", "de", "von", "da", "al-", "della", "de la"]
NICK = {"Elizabeth": ["Liz", "Beth", "Lizzie"], "Margaret": ["Maggie", "Peggy"], "Katherine": ["Kate", "Kathy"],
        "William": ["Bill", "Will"], "Robert": ["Bob", "Rob"], "Richard": ["Dick", "Rick"], "James": ["Jim", "Jimmy"],
        "Michael": ["Mike"], "Alexander": ["Alex", "Sandy"], "Alexandra": ["Alex", "Sasha"], "Christopher": ["Chris"],
        "Joseph": ["Joe"], "Daniel": ["Dan"], "Matthew": ["Matt"], "Samuel": ["Sam"], "Anthony": ["Tony"],
        "Andrew": ["Andy", "Drew"], "Thomas": ["Tom"], "Edward": ["Ted", "Ed"], "Benjamin": ["Ben"],
        "Nicholas": ["Nick"], "Patrick": ["Paddy"], "Timothy": ["Tim"], "Gregory": ["Greg"], "Philip": ["Phil"],
        "Jonathan": ["Jon"], "Jennifer": ["Jen", "Jenny"], "Rebecca": ["Becky"], "Susan": ["Sue"],
        "Deborah": ["Debbie"], "Victoria": ["Vicky"], "Abigail": ["Abby"], "Charles": ["Charlie"]}
# Characters as simplified, traditional, pinyin.
ZH_FAMILY = """王王Wang 李李Li 张張Zhang 刘劉Liu 陈陳Chen 杨楊Yang 赵趙Zhao 黄黃Huang 周周Zhou 吴吳Wu 徐徐Xu 孙孫Sun 胡胡Hu
朱朱Zhu 高高Gao 林林Lin 何何He 郭郭Guo 马馬Ma 罗羅Luo 梁梁Liang 宋宋Song 郑鄭Zheng 谢謝Xie 韩韓Han 唐唐Tang 冯馮Feng
于于Yu 董董Dong 萧蕭Xiao 程程Cheng 曹曹Cao 袁袁Yuan 邓鄧Deng 许許Xu 傅傅Fu 沈沈Shen 曾曾Zeng 彭彭Peng 吕呂Lü 苏蘇Su
卢盧Lu 蒋蔣Jiang 蔡蔡Cai 贾賈Jia 丁丁Ding 魏魏Wei 薛薛Xue 叶葉Ye 阎閻Yan 余余Yu 潘潘Pan 杜杜Du 戴戴Dai 夏夏Xia 钟鍾Zhong
汪汪Wang 田田Tian 任任Ren 姜姜Jiang 范范Fan 方方Fang 石石Shi 姚姚Yao 谭譚Tan 廖廖Liao 邹鄒Zou 熊熊Xiong 金金Jin 陆陸Lu
单單Shan 仇仇Qiu""".split()
ZH_FAMILY_2 = [("欧阳", "歐陽", "Ouyang"), ("诸葛", "諸葛", "Zhuge"), ("司马", "司馬", "Sima"), ("上官", "上官", "Shangguan")]
ZH_GIVEN = """伟偉wei 芳芳fang 娜娜na 敏敏min 静靜jing 丽麗li 强強qiang 磊磊lei 军軍jun 洋洋yang 勇勇yong 艳艷yan 杰傑jie
涛濤tao 明明ming 超超chao 霞霞xia 平平ping 刚剛gang 桂桂gui 英英ying 华華hua 玉玉yu 红紅hong 梅梅mei 建建jian 文文wen
志志zhi 国國guo 海海hai 晓曉xiao 雯雯wen 雨雨yu 欣欣xin 怡怡yi 佳佳jia 嘉嘉jia 子子zi 梓梓zi 涵涵han 轩軒xuan 浩浩hao
宇宇yu 晨晨chen 辰辰chen 思思si 诗詩shi 婷婷ting 琳琳lin 雪雪xue 慧慧hui 颖穎ying 莹瑩ying 倩倩qian 凯凱kai 鹏鵬peng
飞飛fei 龙龍long 峰峰feng 锋鋒feng 云雲yun 芸芸yun 春春chun 秋秋qiu 冬冬dong 兰蘭lan 竹竹zhu 菊菊ju 瑞瑞rui 睿睿rui
俊俊jun 骏駿jun 君君jun 立立li 力力li 丹丹dan 宁寧ning 凝凝ning 安安an 康康kang 健健jian 毅毅yi 义義yi 仁仁ren
学學xue 东東dong 南南nan 北北bei 中中zhong 正正zheng 政政zheng 清清qing 青青qing 庆慶qing 泽澤ze 航航hang 博博bo
瑶瑤yao 珊珊shan 岚嵐lan 钰鈺yu 裕裕yu 彤彤tong 童童tong 薇薇wei 维維wei 威威wei 妍妍yan 燕燕yan""".split()
ZH_FAMILY = [(w[0], w[1], w[2:]) for w in ZH_FAMILY] + ZH_FAMILY_2
ZH_GIVEN = [(w[0], w[1], w[2:]) for w in ZH_GIVEN]
HOMOPHONES = {}
for _s, _t, _p in ZH_GIVEN:
    HOMOPHONES.setdefault(_p, []).append((_s, _t, _p))
STREETS = """High Station Church Mill Park Victoria Queen King Bridge Garden Orchard Meadow Willow Maple Chestnut
Lavender Harbour Castle Abbey Forge Quarry Canal Tanner Weaver Foundry Chapel Priory Granary Kestrel Heron Badger
Linden Juniper Rowan Alder Hawthorn Primrose Foxglove Heather Bracken""".split()
STREET_KIND = [("Street", "St"), ("Road", "Rd"), ("Avenue", "Ave"), ("Lane", "Ln"), ("Drive", "Dr"), ("Close", "Cl"), ("Square", "Sq")]
CITIES = [("London", "GB", "SW"), ("Manchester", "GB", "M"), ("Leeds", "GB", "LS"), ("Bristol", "GB", "BS"),
          ("Glasgow", "GB", "G"), ("Dublin", "IE", "D"), ("Hamburg", "DE", "20"), ("München", "DE", "80"),
          ("Köln", "DE", "50"), ("Amsterdam", "NL", "10"), ("Rotterdam", "NL", "30"), ("Lyon", "FR", "69"),
          ("Madrid", "ES", "28"), ("Milano", "IT", "20"), ("Kraków", "PL", "30"), ("New York", "US", "100"),
          ("Boston", "US", "021"), ("Toronto", "CA", "M5")]
ZH_CITIES = [("上海", "上海", "Shanghai", "2000"), ("北京", "北京", "Beijing", "1000"), ("广州", "廣州", "Guangzhou", "5100"),
             ("深圳", "深圳", "Shenzhen", "5180"), ("杭州", "杭州", "Hangzhou", "3100"), ("武汉", "武漢", "Wuhan", "4300"),
             ("成都", "成都", "Chengdu", "6100"), ("台北", "臺北", "Taipei", "100"), ("高雄", "高雄", "Kaohsiung", "800")]
ZH_STREETS = [("中山路", "中山路", "Zhongshan Lu"), ("人民路", "人民路", "Renmin Lu"), ("建国路", "建國路", "Jianguo Lu"),
              ("解放路", "解放路", "Jiefang Lu"), ("南京路", "南京路", "Nanjing Lu"), ("和平街", "和平街", "Heping Jie"),
              ("长江路", "長江路", "Changjiang Lu"), ("学院路", "學院路", "Xueyuan Lu"), ("光明街", "光明街", "Guangming Jie")]
MAIL_HOSTS = ["gmail.com"] * 6 + ["outlook.com"] * 3 + ["yahoo.com"] * 2 + ["icloud.com", "proton.me", "web.de", "orange.fr"]
ZH_MAIL_HOSTS = ["qq.com"] * 4 + ["163.com"] * 3 + ["126.com", "gmail.com", "sina.com"]
DIAL = {"GB": "44", "IE": "353", "DE": "49", "NL": "31", "FR": "33", "ES": "34", "IT": "39", "PL": "48", "US": "1", "CA": "1", "CN": "86", "TW": "886"}
FIRM_A = """Northgate Bluestone Silverline Harbourside Evergreen Summit Cobalt Meridian Redwood Ironbridge Larkspur
Beacon Kingfisher Granite Whitecliff Sextant Pinnacle Copperfield Windmill Amberley""".split()
FIRM_B = "Logistics Engineering Foods Textiles Software Consulting Instruments Printing Marine Energy".split()
FIRM_FORM = [("Ltd", "Limited"), ("GmbH", "GmbH"), ("B.V.", "BV"), ("S.A.", "SA"), ("Inc.", "Incorporated")]
ZH_FIRM = [("海明", "海明"), ("智业", "智業"), ("华信", "華信"), ("东方", "東方"), ("金桥", "金橋"), ("瑞康", "瑞康"), ("天宇", "天宇"), ("新源", "新源")]
ZH_TRADE = [("电子商务", "電子商務"), ("科技", "科技"), ("贸易", "貿易"), ("物流", "物流"), ("食品", "食品")]
TITLES = ["Buyer", "Managing Director", "Office Manager", "Engineer", "Head of Procurement", "Assistant", "采购经理"]
CATALOGUE = {"outdoor": ["tent", "rucksack", "stove", "headlamp", "trekking poles", "sleeping bag"],
             "sachet": ["green tea sachet", "chamomile sachet", "lavender sachet", "coffee sachet"],
             "kitchen": ["wok", "teapot", "chef knife", "rice cooker"],
             "home": ["lamp", "cushion", "blanket", "mirror"],
             "office": ["desk", "chair", "shelf"]}
CATEGORY_WEIGHT = {"outdoor": 5, "sachet": 3, "kitchen": 5, "home": 4, "office": 2}
CAMPAIGNS = ["spring outdoor", "tea week", "win-back", "newsletter", "birthday"]
CHANNELS = ["mail", "sms", "app", "web"]
KEYBOARD = {a: b for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for a, b in zip(row, row[1:])}
ACCENTS = str.maketrans("äöüéèêáíóúñçøłśżźďřý", "aoueeeaiounc" + "olszzdry")


class Company:
    """One made-up company; `random` decides everything."""

    def __init__(self, people, seed, now, folder, records_only=False):
        self.records_only = records_only
        self.random = random.Random(seed)
        self.people = people
        self.now = now
        self.folder = folder
        self.files = {}
        self.writers = {}
        self.next_id = itertools.count(1)
        tail = [a + b for a in PART_A for b in PART_B]
        self.random.shuffle(tail)
        self.family = FAMILY + tail
        self.family_weights = self.zipf(len(self.family), 0.75)
        self.zh_family_weights = self.zipf(len(ZH_FAMILY), 0.6)
        self.products = [(c, p) for c, ps in CATALOGUE.items() for p in ps]
        self.product_weights = list(itertools.accumulate(CATEGORY_WEIGHT[c] for c, _ in self.products))
        self.used_mail = set()
        self.firms = []

    @staticmethod
    def zipf(n, s):
        return list(itertools.accumulate(1.0 / (i + 4) ** s for i in range(n)))

    def pick(self, items, cumulative):
        return items[bisect(cumulative, self.random.random() * cumulative[-1])]

    def chance(self, p):
        return self.random.random() < p

    def write(self, table, *row):
        self.writers[table].writerow(row)

    def open(self, table, *columns):
        f = open(os.path.join(self.folder, table + ".csv"), "w", newline="", encoding="utf-8")
        self.files[table] = f
        self.writers[table] = csv.writer(f, lineterminator="\n")
        self.writers[table].writerow(columns)

    # --- people ---------------------------------------------------------
    def make_firm(self, number):
        r = self.random
        if r.random() < 0.35:
            city = r.choice(ZH_CITIES[:7])
            brand, trade = r.choice(ZH_FIRM), r.choice(ZH_TRADE)
            form = r.choice(["有限公司", "股份有限公司"])
            name = [city[k] + brand[k] + trade[k] + form for k in (0, 1)]
            return {"id": number, "names": name + [name[0]], "domain": f"firm{number}.com.cn", "city": city[2], "country": "CN"}
        a, b, form = r.choice(FIRM_A), r.choice(FIRM_B), r.choice(FIRM_FORM)
        town = r.choice(CITIES)
        base = f"{a} {b}" if r.random() < 0.8 else f"{r.choice(self.family)} & {a}"
        return {"id": number, "names": [f"{base} {form[0]}", f"{base} {form[1]}", base.upper()],
                "domain": f"{a.lower()}{number}.com", "city": town[0], "country": town[1]}

    def make_home(self, chinese):
        r = self.random
        if chinese:
            return {"zh": r.choice(ZH_STREETS), "number": r.randint(1, 900), "city": r.choice(ZH_CITIES), "code": r.randint(10, 99)}
        city = r.choice(CITIES)
        code = f"{city[2]}{r.randint(1, 29)} {r.randint(1, 9)}{r.choice('ABDEFGHJ')}{r.choice('LNPQRSTU')}" if city[1] == "GB" \
            else f"{city[2]}{r.randint(10, 99)}{r.randint(1, 9)}"
        street = r.choice(STREETS) if r.random() < 0.6 else r.choice(self.family)
        return {"zh": None, "number": r.randint(1, 240), "street": street, "kind": r.choice(STREET_KIND), "city": city, "code": code}

    def make_person(self, number):
        r = self.random
        kind = "chinese" if r.random() < 0.30 else "latin"
        mixed = False
        woman = r.random() < 0.5
        p = {"id": number, "kind": kind, "gender": "f" if woman else "m"}
        if kind == "chinese":
            family = self.pick(ZH_FAMILY, self.zh_family_weights)
            given = [r.choice(ZH_GIVEN) for _ in range(2 if r.random() < 0.78 else 1)]
            p["zh"] = (family, given)
            mixed = r.random() < 0.25
            if mixed:
                p["western"] = r.choice(GIVEN_F if woman else GIVEN_M)
            p["country"] = "TW" if r.random() < 0.3 else "CN"
            first, last = "".join(g[2] for g in given), family[2].replace("ü", "v")
        else:
            p["given"] = r.choice(GIVEN_F if woman else GIVEN_M)
            p["middle"] = r.choice(GIVEN_F if woman else GIVEN_M) if r.random() < 0.3 else ""
            p["family"] = self.pick(self.family, self.family_weights)
            if r.random() < 0.04:
                p["family"] = r.choice(PARTICLE) + " " + p["family"]
            first, last = p["given"], p["family"]
        p["birth"] = dt.date(self.now.year, 1, 1) - dt.timedelta(days=int(r.triangular(18 * 365, 85 * 365, 38 * 365)))
        if r.random() < 0.006:
            p["birth"] = dt.date(r.choice([1976, 1980, 1984, 1988, 1992, 1996, 2000]), 2, 29)
        if r.random() < 0.01:
            p["birth"] = p["birth"].replace(month=self.now.month, day=min(self.now.day, 28))
        p["home"] = self.make_home(kind == "chinese")
        if kind == "latin":
            p["country"] = p["home"]["city"][1]
        p["old_home"] = self.make_home(kind == "chinese") if r.random() < 0.15 else None
        p["phone"] = self.make_phone(p["country"])
        p["mail"] = self.make_mail(first, last, p["birth"], MAIL_HOSTS if kind == "latin" else ZH_MAIL_HOSTS)
        p["second_mail"] = self.make_mail(first, last, p["birth"], MAIL_HOSTS) if r.random() < 0.25 else None
        p["firm"] = r.choice(self.firms) if r.random() < 0.2 else None
        p["maiden"] = self.pick(self.family, self.family_weights) if woman and kind == "latin" and r.random() < 0.08 else None
        return p

    def make_phone(self, country):
        r = self.random
        if country == "CN":
            return "86", "1" + r.choice("3578") + "".join(r.choice("0123456789") for _ in range(9))
        if country == "TW":
            return "886", "9" + "".join(r.choice("0123456789") for _ in range(8))
        length = {"GB": 10, "DE": 10, "US": 10, "CA": 10, "IE": 9, "NL": 9, "FR": 9, "ES": 9, "IT": 10, "PL": 9}[country]
        lead = {"GB": "7", "DE": "15", "US": "617", "CA": "416", "IE": "8", "NL": "6", "FR": "6", "ES": "6", "IT": "3", "PL": "6"}[country]
        return DIAL[country], lead + "".join(r.choice("23456789") for _ in range(length - len(lead)))

    def make_mail(self, first, last, birth, hosts):
        """Mostly derived from the name, which makes it a weak second witness of it."""
        r = self.random
        a = "".join(c for c in first.lower().translate(ACCENTS) if c.isascii() and c.isalpha())
        b = "".join(c for c in last.lower().translate(ACCENTS) if c.isascii() and c.isalpha())
        for attempt in range(50):
            style = r.random()
            if style < 0.35:
                local = f"{a}.{b}"
            elif style < 0.5:
                local = f"{a[:1]}{b}"
            elif style < 0.65:
                local = f"{a}{b}{birth.year % 100:02d}"
            elif style < 0.75:
                local = f"{b}{a[:1]}{r.randint(1, 99)}"
            elif style < 0.9:
                local = f"{a}{r.randint(10, 9999)}"
            else:
                local = "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6)) + str(r.randint(1, 999))
            mail = (local if attempt < 3 else f"{local}{r.randint(1, 99999)}") + "@" + r.choice(hosts)
            if mail not in self.used_mail:
                break
        self.used_mail.add(mail)
        return mail

    # --- how a system writes a person -------------------------------------
    def typo(self, text):
        """One slip of the hand."""
        r = self.random
        if len(text) < 3:
            return text
        i = r.randrange(1, len(text) - 1)
        kind = r.random()
        if kind < 0.25:
            return text[:i] + text[i + 1:]
        if kind < 0.45:
            return text[:i] + text[i + 1] + text[i] + text[i + 2:]
        if kind < 0.65:
            return text[:i] + text[i] + text[i:]
        return text[:i] + KEYBOARD.get(text[i].lower(), "e") + text[i + 1:]

    def written_name(self, p, script):
        """(given, family, full) as this system has it."""
        r = self.random
        if p["kind"] == "chinese":
            family, given = p["zh"]
            given = list(given)
            if script in ("simplified", "traditional"):
                k = 0 if script == "simplified" else 1
                if r.random() < 0.06:
                    j = r.randrange(len(given))
                    given[j] = r.choice(HOMOPHONES[given[j][2]])
                g, f = "".join(x[k] for x in given), family[k]
                return g, f, f + g
            g = "".join(x[2] for x in given).capitalize()
            if r.random() < 0.15 and len(given) == 2:
                g = given[0][2].capitalize() + r.choice(["-", " "]) + given[1][2]
            f = family[2] if r.random() < 0.5 else family[2].replace("ü", "u")
            if "western" in p and r.random() < 0.6:
                g = p["western"] + (" " + g if r.random() < 0.4 else "")
            if r.random() < 0.05:
                g = self.typo(g)
            return g, f, f"{g} {f}" if r.random() < 0.7 else f"{f} {g}"
        given, family = p["given"], p["family"]
        if p["maiden"] and r.random() < 0.4:
            family = p["maiden"]
        if given in NICK and r.random() < 0.15:
            given = r.choice(NICK[given])
        if r.random() < 0.05:
            given = given[0] + "."
        if r.random() < 0.07:
            family = self.typo(family)
        if r.random() < 0.05:
            given = self.typo(given)
        if r.random() < 0.15:
            given, family = given.translate(ACCENTS), family.translate(ACCENTS)
        middle = ""
        if p["middle"] and r.random() < 0.5:
            middle = p["middle"] if r.random() < 0.4 else p["middle"][0]
        full = " ".join(x for x in (given, middle, family) if x)
        if r.random() < 0.08:
            full = f"{family}, {given}"
        if r.random() < 0.05:
            full = full.upper()
        if r.random() < 0.03:
            full = r.choice(["Dr. ", "Mr ", "Mrs "]) + full
        if r.random() < 0.02:
            given, family = family, given
        return given, family, full

    def written_home(self, p, script, when_old=0.5):
        r = self.random
        h = p["old_home"] if p["old_home"] and r.random() < when_old else p["home"]
        if h["zh"]:
            k = {"simplified": 0, "traditional": 1}.get(script, 2)
            city = h["city"][k]
            street = f"{h['zh'][k]}{h['number']}{'号' if k == 0 else '號'}" if k < 2 else f"{h['number']} {h['zh'][2]}"
            return street, city, f"{h['city'][3]}{h['code']}"
        kind = r.choice(h["kind"])
        street = f"{h['number']} {h['street']} {kind}"
        if h["city"][1] in ("DE", "NL"):
            street = f"{h['street']}{'straße' if h['city'][1] == 'DE' else 'straat'} {h['number']}"
        if r.random() < 0.08:
            street = self.typo(street)
        if r.random() < 0.06:
            street = f"Flat {r.randint(1, 30)}, {street}"
        city = h["city"][0] if r.random() < 0.9 else self.typo(h["city"][0])
        code = h["code"] if r.random() < 0.85 else h["code"].replace(" ", "").lower()
        return street, city, code

    def written_mail(self, p):
        r = self.random
        m = p["second_mail"] if p["second_mail"] and r.random() < 0.5 else p["mail"]
        if r.random() < 0.03:
            local, host = m.split("@")
            m = self.typo(local) + "@" + host
        if r.random() < 0.04:
            m = m.upper() if r.random() < 0.5 else m + " "
        if m.endswith("@gmail.com") and r.random() < 0.05:
            m = m.replace("@", "+shop@")
        return m

    def written_phone(self, p):
        r = self.random
        code, number = p["phone"]
        style = r.random()
        if style < 0.4:
            return f"+{code}{number}"
        if style < 0.6:
            return f"00{code} {number[:3]} {number[3:]}"
        national = number if code in ("86", "1") else "0" + number
        if style < 0.97:
            return f"{national[:4]} {national[4:7]}-{national[7:]}" if r.random() < 0.5 else national
        return r.choice(["123456", "0000000000", "n/a"])

    def written_birth(self, p):
        r = self.random
        b = p["birth"]
        if r.random() < 0.03:
            return "1900-01-01"
        if r.random() < 0.03 and b.day <= 12:
            b = b.replace(month=b.day, day=b.month)
        elif r.random() < 0.03:
            b = b.replace(day=1)
        return b.isoformat()

    def moment(self, start, end):
        span = (end - start).total_seconds()
        return start + dt.timedelta(seconds=int(self.random.random() * max(span, 1)))

    # --- the three systems -------------------------------------------------
    def run(self):
        r = self.random
        self.open("crm_contact", "contact_id", "full_name", "email", "phone", "street", "city", "postcode", "country",
                  "birth_date", "gender", "company", "job_title", "created_at", "updated_at")
        self.open("crm_company", "company_id", "name", "domain", "city", "country")
        self.open("shop_account", "account_id", "first_name", "last_name", "email", "mobile", "address", "town", "zip",
                  "country", "birthday", "registered_at", "loyalty_no")
        self.open("shop_order", "line_id", "account_id", "order_id", "ordered_at", "kind", "product", "category", "quantity", "amount")
        self.open("shop_cart", "cart_id", "account_id", "added_at", "product", "category")
        self.open("web_visitor", "visitor_id", "first_seen", "device", "utm_source")
        self.open("web_sign_in", "sign_in_id", "visitor_id", "account_id", "signed_in_at")
        self.open("web_view", "view_id", "visitor_id", "viewed_at", "page", "product", "category")
        self.open("campaign_contact", "send_id", "contact_id", "campaign", "channel", "sent_at", "answered_at")
        self.open("truth", "source", "key", "person")

        firms = max(3, self.people // 50)
        for n in range(1, firms + 1):
            firm = self.make_firm(n)
            self.firms.append(firm)
            for k in range(2 if self.chance(0.15) else 1):
                key = f"C{n:06d}{'' if k == 0 else 'b'}"
                self.write("crm_company", key, firm["names"][k], firm["domain"] if self.chance(0.9) else "", firm["city"], firm["country"])
                self.write("truth", "company", key, f"firm {n}")

        household = None
        for n in range(1, self.people + 1):
            p = self.make_person(n)
            if household and self.chance(0.06):
                # Family members share a home, often a surname, a phone or an e-mail address.
                p["home"] = household["home"]
                if p["kind"] == household["kind"] == "latin":
                    p["family"] = household["family"]
                if self.chance(0.35):
                    p["mail"] = household["mail"]
                if self.chance(0.3):
                    p["phone"] = household["phone"]
            household = p
            self.person_rows(p)
            if sys.stderr.isatty() and n % 5000 == 0:
                print(f"\r  {n:,} of {self.people:,} people", end="", file=sys.stderr)
        self.story()
        if sys.stderr.isatty():
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        for f in self.files.values():
            f.close()

    def person_rows(self, p):
        r = self.random
        pid = f"person {p['id']}"
        in_crm, in_shop, in_web = self.chance(0.5), self.chance(0.62), self.chance(0.6)
        if not (in_crm or in_shop or in_web):
            in_shop = True
        start = self.now - dt.timedelta(days=r.choice([30, 200, 400, 700, 1000]) * r.random() + 0.1)
        accounts = []
        contacts = []
        if in_crm:
            for k in range(2 if self.chance(0.09) else 1):
                key = f"K{next(self.next_id):07d}"
                self.crm_row(key, p, start)
                self.write("truth", "crm", key, pid)
                contacts.append(key)
        if in_shop:
            for k in range(2 if self.chance(0.07) else 1):
                key = f"A{next(self.next_id):07d}"
                self.shop_row(key, p, self.moment(start, self.now))
                self.write("truth", "shop", key, pid)
                accounts.append(key)
        signed_in = False
        visitors = []
        if in_web:
            for k in range(1 + self.chance(0.35)):
                key = f"{r.getrandbits(64):016x}"
                first = self.moment(start, self.now)
                self.write("web_visitor", key, first.isoformat(sep=" "), r.choice(["phone", "laptop", "tablet"]), r.choice(["", "", "search", "social", "newsletter"]))
                visitors.append((key, first))
                if accounts and self.chance(0.7):
                    self.write("web_sign_in", next(self.next_id), key, r.choice(accounts), self.moment(first, self.now).isoformat(sep=" "))
                    self.write("truth", "web", key, pid)
                else:
                    # Nobody can know who this is: a person of its own.
                    self.write("truth", "web", key, f"visitor {key}")
        if not self.records_only:
            self.behaviour(p, accounts, contacts, visitors, start)

    def crm_row(self, key, p, start):
        r = self.random
        script = r.choice(["traditional", "simplified", "pinyin", "pinyin"]) if p["country"] == "CN" else r.choice(["traditional", "traditional", "pinyin"])
        given, family, full = self.written_name(p, script)
        street, city, code = self.written_home(p, script)
        created = self.moment(start, self.now)
        firm = p["firm"]
        mail = self.written_mail(p) if self.chance(0.78) else ""
        if firm and self.chance(0.25):
            mail = f"info@{firm['domain']}"
        self.write("crm_contact", key, full, mail, self.written_phone(p) if self.chance(0.7) else "",
                   street if self.chance(0.75) else "", city if self.chance(0.85) else "", code if self.chance(0.75) else "", p["country"],
                   self.written_birth(p) if self.chance(0.6) else "", {"f": r.choice(["F", "female", "女"]), "m": r.choice(["M", "male", "男"])}[p["gender"]] if self.chance(0.6) else "",
                   r.choice(firm["names"]) if firm else "", r.choice(TITLES) if firm else "",
                   created.isoformat(sep=" "), self.moment(created, self.now).isoformat(sep=" "))

    def shop_row(self, key, p, registered):
        r = self.random
        script = r.choice(["simplified", "simplified", "pinyin"]) if p["country"] == "CN" else r.choice(["traditional", "pinyin"])
        given, family, _ = self.written_name(p, script)
        street, city, code = self.written_home(p, script, 0.25)
        self.write("shop_account", key, given, family, self.written_mail(p) if self.chance(0.93) else "",
                   self.written_phone(p) if self.chance(0.6) else "", street if self.chance(0.7) else "", city if self.chance(0.75) else "",
                   code if self.chance(0.7) else "", p["country"], self.written_birth(p) if self.chance(0.55) else "",
                   registered.isoformat(sep=" "), f"L{p['id']:08d}" if self.chance(0.3) else "")

    def behaviour(self, p, accounts, contacts, visitors, start):
        r = self.random
        taste = r.choice(list(CATALOGUE))
        liveliness = r.expovariate(1.0)

        def product():
            if self.chance(0.5):
                return taste, r.choice(CATALOGUE[taste])
            return self.pick(self.products, self.product_weights)

        for key, first in visitors:
            for _ in range(min(60, int(2 + 9 * liveliness * r.random()))):
                c, item = product()
                at = self.moment(first, self.now)
                self.write("web_view", next(self.next_id), key, at.isoformat(sep=" "), f"/{c}/{item.replace(' ', '-')}", item, c)
        for key in accounts:
            orders = min(40, int(4.5 * liveliness * r.random() + 0.6))
            for _ in range(orders):
                at = self.moment(start, self.now)
                order = next(self.next_id)
                for _ in range(1 + self.chance(0.4)):
                    c, item = product()
                    quantity = 1 + (r.random() < 0.2)
                    amount = round(quantity * r.lognormvariate(3.4, 0.9), 2)
                    if self.chance(0.5):
                        self.write("shop_cart", next(self.next_id), key, (at - dt.timedelta(minutes=r.randint(1, 4000))).isoformat(sep=" "), item, c)
                    self.write("shop_order", next(self.next_id), key, order, at.isoformat(sep=" "), "purchase", item, c, quantity, f"{amount:.2f}")
                    if self.chance(0.06):
                        back = at + dt.timedelta(days=r.randint(1, 20), seconds=r.randint(0, 86399))
                        if back < self.now:
                            self.write("shop_order", next(self.next_id), key, order, back.isoformat(sep=" "), "refund", item, c, quantity, f"{amount:.2f}")
            for _ in range(int(2 * liveliness * r.random())):
                c, item = product()
                self.write("shop_cart", next(self.next_id), key, self.moment(start, self.now).isoformat(sep=" "), item, c)
        for key in contacts:
            for _ in range(r.choice([0, 0, 1, 2, 3])):
                at = self.moment(start, self.now)
                answered = (at + dt.timedelta(minutes=r.randint(3, 5000))) if self.chance(0.2) else None
                self.write("campaign_contact", next(self.next_id), key, r.choice(CAMPAIGNS), r.choice(CHANNELS), at.isoformat(sep=" "),
                           answered.isoformat(sep=" ") if answered and answered < self.now else "")

    def story(self):
        """The family of rows the demo shows: one person written three ways, and a namesake."""
        t = self.now - dt.timedelta(days=90)
        when = t.isoformat(sep=" ")
        self.write("crm_contact", "K-ZHUGE", "諸葛曉雯", "xiaowen.zhuge@gmail.com", "+886912345876", "中山路188號", "臺北", "10048", "TW",
                   "1988-02-29", "女", "", "", when, when)
        self.write("shop_account", "A-ZHUGE", "晓雯", "诸葛", "xiaowenzhuge+shop@gmail.com", "0912 345-876", "", "台北", "10048", "TW", "1988-02-29", when, "")
        self.write("crm_contact", "K-ZHUGE2", "Zhuge Xiaowen", "", "00886 912 345876", "188 Zhongshan Lu", "Taipei", "10048", "TW", "1988-02-28", "", "", "", when, when)
        self.write("crm_contact", "K-NAMESAKE", "诸葛晓文", "wen.zhuge.77@163.com", "+8613855512345", "人民路9号", "杭州", "310012", "CN",
                   "1977-08-14", "男", "", "", when, when)
        for source, key in (("crm", "K-ZHUGE"), ("shop", "A-ZHUGE"), ("crm", "K-ZHUGE2")):
            self.write("truth", source, key, "person zhuge")
        self.write("truth", "crm", "K-NAMESAKE", "person namesake")
        cart = self.now - dt.timedelta(hours=3)
        self.write("shop_cart", next(self.next_id), "A-ZHUGE", cart.isoformat(sep=" "), "teapot", "kitchen")
        self.write("web_visitor", "feed5eed00000001", when, "phone", "social")
        self.write("web_sign_in", next(self.next_id), "feed5eed00000001", "A-ZHUGE", cart.isoformat(sep=" "))
        self.write("truth", "web", "feed5eed00000001", "person zhuge")
        for days in (80, 20, 1):
            at = self.now - dt.timedelta(days=days)
            self.write("web_view", next(self.next_id), "feed5eed00000001", at.isoformat(sep=" "), "/sachet/green-tea-sachet", "green tea sachet", "sachet")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("folder")
    a.add_argument("--people", type=int, default=20000)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--records-only", action="store_true", help="leave out what people did: orders, carts, views, campaigns")
    a.add_argument("--now", default="", help="the moment the company lives in (ISO, UTC); default: this minute")
    o = a.parse_args()
    if o.people < 1:
        a.error("--people must be at least 1")
    now = dt.datetime.fromisoformat(o.now) if o.now else dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, second=0, microsecond=0)
    os.makedirs(o.folder, exist_ok=True)
    Company(o.people, o.seed, now, o.folder, o.records_only).run()


if __name__ == "__main__":
    main()
