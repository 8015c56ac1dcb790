/** What a label of Gmail's own means, whatever language the account was in when it was exported. */
export type SystemLabel =
  | 'inbox'
  | 'sent'
  | 'drafts'
  | 'junk'
  | 'trash'
  | 'starred'
  | 'important'
  | 'unread'
  | 'opened'
  | 'archived'
  | 'muted'

/** Names by meaning, parted by bars. Gmail writes them in the account's language and says nowhere which that is. */
const NAMES: Readonly<Record<SystemLabel, string>> = {
  inbox:
    'Inbox|Posteingang|Boîte de réception|Recibidos|Bandeja de entrada|Caixa de entrada|Posta in arrivo|Postvak IN|' +
    'Inkorgen|Innboks|Indbakke|Odebrane|Входящие|Вхідні|受信トレイ|收件箱|收件匣|Gelen Kutusu|البريد الوارد|' +
    '받은편지함|Saapuneet|Postilaatikko|Doručená pošta|Beérkező levelek|Εισερχόμενα|דואר נכנס|Mesaje primite',
  sent:
    'Sent|Sent Mail|Gesendet|Messages envoyés|Envoyés|Enviados|E-mails enviados|Correo enviado|Inviati|' +
    'Posta inviata|Verzonden|Verzonden berichten|Skickat|Sendt|Sendte e-poster|Sendt e-post|Sendte mails|Wysłane|' +
    'Отправленные|Надіслані|送信済み|送信済みメール|已发送|已发邮件|寄件備份|Gönderilenler|Gönderilmiş Postalar|' +
    'البريد المرسل|الرسائل المرسلة|보낸편지함|Lähetetyt|Odeslaná pošta|Odeslané|Elküldött levelek|Elküldött|' +
    'Απεσταλμένα|דואר יוצא|Mesaje trimise',
  drafts:
    'Drafts|Draft|Entwürfe|Entwurf|Brouillons|Brouillon|Borradores|Borrador|Rascunhos|Rascunho|Bozze|Bozza|' +
    'Concepten|Concept|Utkast|Kladder|Kladde|Wersje robocze|Черновики|Чернетки|下書き|草稿|Taslaklar|المسودات|' +
    'مسودات|임시보관함|Luonnokset|Koncepty|Piszkozatok|Πρόχειρα|טיוטות|Mesaje nefinalizate',
  junk:
    'Spam|Skräppost|Søppelpost|Roskaposti|Спам|迷惑メール|垃圾邮件|垃圾郵件|스팸함|' +
    'الرسائل غير المرغوب فيها|غير مرغوب فيها|Ανεπιθύμητα|ספאם',
  trash:
    'Trash|Bin|Papierkorb|Corbeille|Papelera|Lixeira|Lixo|Cestino|Prullenbak|Papperskorgen|Papirkurv|' +
    'Papirkurven|Kosz|Корзина|Кошик|ゴミ箱|已删除邮件|垃圾桶|Çöp Kutusu|المهملات|휴지통|Roskakori|Koš|Kuka|Κάδος|' +
    'Κάδος απορριμμάτων|אשפה|Coş de gunoi|Coș de gunoi',
  starred:
    'Starred|Markiert|Suivis|Messages suivis|Destacados|Com estrela|Speciali|Met ster|Stjärnmärkt|Stjernemerket|' +
    'Stjernemarkeret|Oznaczone gwiazdką|Помеченные|Із зірочкою|スター付き|已加星标|已加星號|Yıldızlı|مميّز بنجمة|' +
    'مميز بنجمة|별표편지함|별표|Tähdellä merkityt|S hvězdičkou|Csillagozott|Με αστέρι|מסומן בכוכב|Cu stea',
  important:
    'Important|Wichtig|Importants|Importantes|Importante|Importanti|Belangrijk|Viktigt|Viktig|Vigtigt|Ważne|' +
    'Важное|Важливо|重要|重要邮件|重要郵件|Önemli|مهم|중요편지함|중요|Tärkeät|Tärkeä|Důležité|Fontos|Σημαντικά|חשוב',
  unread:
    'Unread|Ungelesen|Non lus|Non lu|No leídos|No leído|Não lidas|Não lidos|Não lida|Da leggere|Non letti|' +
    'Ongelezen|Olästa|Oläst|Ulest|Uleste|Ulæst|Ulæste|Nieprzeczytane|Непрочитанные|Непрочитані|未読|未读|未讀|' +
    'Okunmamış|غير مقروءة|غير مقروء|읽지않음|읽지 않음|Lukematon|Lukemattomat|Nepřečtené|Olvasatlan|Μη αναγνωσμένα|' +
    'לא נקרא|Necitite',
  opened:
    'Opened|Geöffnet|Ouvert|Ouverts|Abierto|Abiertos|Aberto|Abertos|Aperti|Aperto|Geopend|Öppnat|Öppnad|' +
    'Öppnade|Åpnet|Åbnet|Otwarte|Открытые|Открыто|Відкриті|開封済み|既読|已打开|已開啟|Açıldı|تم الفتح|열림|Avattu|' +
    'Otevřené|Megnyitott|Ανοιγμένα|נפתח|Deschise',
  archived:
    'Archived|Archiviert|Archivé|Archivés|Archivados|Archivado|Arquivados|Arquivado|Archiviati|Archiviato|' +
    'Gearchiveerd|Arkiverat|Arkiverade|Arkivert|Arkiveret|Zarchiwizowane|Архивированные|Архивировано|В архиве|' +
    'Заархівовані|アーカイブ|アーカイブ済み|已归档|已封存|Arşivlendi|مؤرشف|تمت الأرشفة|보관됨|Arkistoitu|Archivováno|' +
    'Archivované|Archivált|Αρχειοθετημένα|הועבר לארכיון|Arhivate',
  muted: 'Muted|Ignoriert|Ignorés|Silenciados|Silenciado|Ignorados|Disattivati|Genegeerd',
}

const BY_NAME: ReadonlyMap<string, SystemLabel> = new Map(
  (Object.keys(NAMES) as SystemLabel[]).flatMap((label) =>
    NAMES[label].split('|').map((name): [string, SystemLabel] => [fold(name), label]),
  ),
)

/** The tabs of the inbox, which are no place to look in. Other languages than English put a colon or quotes. */
const CATEGORY =
  /^(?:Category (?:Personal|Social|Promotions|Updates|Forums|Travel|Purchases|Reservations|Finance)|(?:Kategorie|Catégorie|Categoría|Categoria|Categorie|Kategori|Kategoria|Kategória|Luokka|Категория|Категорія|カテゴリ|类别|類別)[\s\u00a0]*["'«„“(:：].*)$/iu

/** The meaning of a label of Gmail's own; null for one that the user made. */
export function systemLabelOf(name: string): SystemLabel | 'category' | null {
  return BY_NAME.get(fold(name)) ?? (CATEGORY.test(name) ? 'category' : null)
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase()
}
