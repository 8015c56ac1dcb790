import type { Language } from './intake-words.ts'

/** The words of the hand-over sheet. */
export interface HandoverWords {
  readonly title: string
  readonly lead: string
  readonly to: string
  readonly how: string
  readonly date: string
  readonly files: string
  readonly file: string
  readonly bytes: string
  readonly messages: string
  readonly sealedTo: string
  readonly check: string
  readonly checkLead: string
  readonly confirm: string
  readonly receipt: string
  readonly open: string
  readonly openLead: string
  readonly windows: string
  readonly unix: string
  readonly eml: string
  readonly mbox: string
  readonly list: string
  readonly chain: string
  readonly verify: string
  readonly noKey: string
  readonly certificate: string
  readonly checkpoint: string
}

/** The sheet's words by language. */
export const HANDOVER_WORDS: Readonly<Record<Language, HandoverWords>> = {
  en: {
    title: 'Your encrypted backup',
    lead: 'These files are yours alone. They are sealed to your public key: we wrote them and cannot read them. Our copy is deleted once you have confirmed that yours is whole.',
    to: 'Handed over to',
    how: 'How',
    date: 'Date',
    files: 'The files',
    file: 'File',
    bytes: 'Bytes',
    messages: 'Messages',
    sealedTo: 'Sealed to (SHA-256 of the public key)',
    check: 'Check that they are whole',
    checkLead: 'Compute the SHA-256 of each file and compare it with the one above:',
    confirm:
      'Then tell us the value that you computed, by telephone or by a signed receipt. Do not copy it from this sheet: it shows that the file arrived.',
    receipt:
      'A receipt, if you prefer one: sign what you computed with your SSH key, and send us receipt.txt, receipt.txt.sig and your public key.',
    open: 'Open them',
    openLead:
      'You need the free program age (age-encryption.org) and the file with your identity, here key.txt. You need no Sealpost.',
    windows: 'Windows (PowerShell)',
    unix: 'macOS and Linux',
    eml: 'Each message is a file that ends in .eml and opens in any mail program.',
    mbox: 'Each folder of mail is one or more files that end in .mbox and can be imported into Thunderbird, Apple Mail and others.',
    list: 'The folder sealpost holds the list of all messages with dates, flags and digests.',
    chain: 'A later backup holds only what was new: keep all files from the first one on.',
    verify: 'To have every byte checked, or the mail moved into a new account:',
    noKey: 'Keep the identity as safe as the backup. Without it nobody can open these files, and we have no copy.',
    certificate: 'Fingerprint of the key that signs the deletion certificate',
    checkpoint: 'Checkpoint of our log at this time; keep it',
  },
  ar: {
    title: 'نسختك الاحتياطية المشفّرة',
    lead: 'هذه الملفات لك وحدك. إنها مختومة بمفتاحك العام: نحن كتبناها ولا نستطيع قراءتها. تُحذف نسختنا بعد أن تؤكد أن نسختك كاملة.',
    to: 'سُلّمت إلى',
    how: 'الطريقة',
    date: 'التاريخ',
    files: 'الملفات',
    file: 'الملف',
    bytes: 'بايت',
    messages: 'الرسائل',
    sealedTo: 'مختومة لـ (SHA-256 للمفتاح العام)',
    check: 'تحقّق من اكتمالها',
    checkLead: 'احسب قيمة SHA-256 لكل ملف وقارنها بالقيمة أعلاه:',
    confirm:
      'ثم أخبرنا بالقيمة التي حسبتها، عبر الهاتف أو بإيصال موقّع. لا تنسخها من هذه الورقة: فهي تُثبت أن الملف وصل.',
    receipt:
      'وإن فضّلت إيصالًا: وقّع ما حسبته بمفتاح SSH الخاص بك، وأرسل إلينا receipt.txt وreceipt.txt.sig ومفتاحك العام.',
    open: 'افتحها',
    openLead:
      'تحتاج إلى برنامج age المجاني (age-encryption.org) وإلى الملف الذي يحوي هويتك، وهو هنا key.txt. لا تحتاج إلى Sealpost.',
    windows: 'Windows (PowerShell)',
    unix: 'macOS وLinux',
    eml: 'كل رسالة ملف ينتهي بـ ‎.eml ويُفتح في أي برنامج بريد.',
    mbox: 'كل مجلد بريد ملف أو أكثر ينتهي بـ ‎.mbox ويمكن استيراده في Thunderbird وApple Mail وغيرهما.',
    list: 'ويحوي المجلد sealpost قائمة بكل الرسائل مع التواريخ والعلامات والبصمات.',
    chain: 'النسخة اللاحقة لا تحوي إلا الجديد: احتفظ بكل الملفات من الأول فصاعدًا.',
    verify: 'لفحص كل بايت، أو لنقل البريد إلى حساب جديد:',
    noKey: 'احفظ الهوية بأمان كما تحفظ النسخة. بدونها لا يستطيع أحد فتح هذه الملفات، وليست لدينا نسخة منها.',
    certificate: 'بصمة المفتاح الذي يوقّع شهادة الحذف',
    checkpoint: 'نقطة تحقق من سجلنا في هذا الوقت؛ احتفظ بها',
  },
}
