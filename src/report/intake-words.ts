/** Languages that documents for clients come in. */
export type Language = 'en' | 'ar'

/** All languages, the default first. */
export const LANGUAGES: readonly Language[] = ['en', 'ar']

/** Which way a language is written. */
export function directionOf(language: Language): 'ltr' | 'rtl' {
  return language === 'ar' ? 'rtl' : 'ltr'
}

/** The words of the intake page. */
export interface IntakeWords {
  readonly title: string
  readonly lead: string
  readonly check: string
  readonly checkHow: string
  readonly recipient: string
  readonly expires: string
  readonly side: string
  readonly source: string
  readonly destination: string
  readonly account: string
  readonly username: string
  readonly secret: string
  readonly add: string
  readonly remove: string
  readonly file: string
  readonly seal: string
  readonly send: string
  readonly copy: string
  readonly save: string
  readonly withoutPage: string
  /** Messages of the script. */
  readonly nothing: string
  readonly incomplete: string
  readonly tooLarge: string
  readonly sealed: string
  readonly failed: string
}

/** The page's words by language. */
export const INTAKE_WORDS: Readonly<Record<Language, IntakeWords>> = {
  en: {
    title: 'Access details, sealed',
    lead: 'What you enter here is encrypted in your browser. This page makes no connection. Only the project named below can open the result.',
    check:
      'Words on a page prove nothing about the page. Before you type anything, ask your engineer by telephone for the SHA-256 of this file, or for the recipient below, and compare.',
    checkHow: 'To compute the SHA-256 of this file:',
    recipient: 'Recipient',
    expires: 'Good until',
    side: 'Where',
    source: 'Old provider',
    destination: 'New provider',
    account: 'Account (e-mail address)',
    username: 'User name, if different',
    secret: 'Password or token',
    add: 'Another account',
    remove: 'Remove',
    file: 'Or a file: a service account (JSON), or a list with the columns side, account, secret (CSV)',
    seal: 'Encrypt',
    send: 'Send this text or this file to your engineer. Nobody else can read it.',
    copy: 'Copy',
    save: 'Save as a file',
    withoutPage: 'With the age program you need no page:',
    nothing: 'Nothing was entered.',
    incomplete: 'An account or a password is missing.',
    tooLarge: 'The file is larger than 1 MiB.',
    sealed: 'Encrypted. The passwords have been removed from the form.',
    failed: 'Your browser could not encrypt this. Use a current Firefox, Chrome, Edge or Safari.',
  },
  ar: {
    title: 'بيانات الدخول، مختومة',
    lead: 'ما تُدخله هنا يُشفَّر داخل متصفحك. لا تُجري هذه الصفحة أي اتصال. لا يستطيع فتح الناتج إلا المشروع المذكور أدناه.',
    check:
      'الكلمات المكتوبة على صفحة لا تُثبت شيئًا عن الصفحة نفسها. قبل أن تكتب أي شيء، اطلب من المهندس عبر الهاتف قيمة SHA-256 لهذا الملف، أو المفتاح المستلِم المذكور أدناه، ثم قارن.',
    checkHow: 'لحساب SHA-256 لهذا الملف:',
    recipient: 'المفتاح المستلِم',
    expires: 'صالح حتى',
    side: 'الجهة',
    source: 'المزوّد القديم',
    destination: 'المزوّد الجديد',
    account: 'الحساب (عنوان البريد الإلكتروني)',
    username: 'اسم المستخدم إن كان مختلفًا',
    secret: 'كلمة المرور أو الرمز',
    add: 'حساب آخر',
    remove: 'إزالة',
    file: 'أو ملف: حساب خدمة (JSON)، أو قائمة بالأعمدة side وaccount وsecret (CSV)',
    seal: 'تشفير',
    send: 'أرسل هذا النص أو هذا الملف إلى المهندس. لا يستطيع أحد غيره قراءته.',
    copy: 'نسخ',
    save: 'حفظ كملف',
    withoutPage: 'مع برنامج age لا تحتاج إلى صفحة:',
    nothing: 'لم يُدخَل شيء.',
    incomplete: 'ينقص حساب أو كلمة مرور.',
    tooLarge: 'الملف أكبر من 1 ميبيبايت.',
    sealed: 'تم التشفير. أُزيلت كلمات المرور من النموذج.',
    failed: 'لم يتمكن متصفحك من التشفير. استخدم إصدارًا حديثًا من Firefox أو Chrome أو Edge أو Safari.',
  },
}
