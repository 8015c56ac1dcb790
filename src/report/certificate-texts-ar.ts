/**
 * Sentences of the certificate in Arabic, by the English text that stands in the JSON; what holds a number, a name or a
 * path stays as it is there. A test fails when an English text changes and the one here does not.
 */
export const ARABIC_TEXTS: Readonly<Record<string, string>> = {
  // What was deleted.
  'credentials of the migration (passwords, tokens, service accounts), as records in one file':
    'بيانات دخول الترحيل (كلمات مرور ورموز وحسابات خدمة)، كسجلات في ملف واحد',
  'private key to which the client sealed access details': 'المفتاح الخاص الذي ختم العميل به بيانات الوصول',
  'access tokens and sessions': 'رموز الوصول والجلسات',
  'ledger: mailboxes, message keys, digests, states, findings; with its write-ahead log':
    'دفتر النقل: الصناديق ومفاتيح الرسائل وبصماتها وحالاتها والملاحظات، مع سجل الكتابة المسبقة',
  'temporary copies of messages too large for memory, the canary of this class included':
    'نسخ مؤقتة لرسائل أكبر من أن تسعها الذاكرة، وفيها علامة هذه الفئة',
  'logs of the project: events, ids and numbers': 'سجلات المشروع: أحداث ومعرّفات وأرقام',
  'drafts and locks of files, as a killed process leaves them': 'مسودات ملفات وأقفال، كما تتركها عملية أُنهيت قسرًا',
  'other files of the state folder, such as the list of intake pages':
    'ملفات أخرى في مجلد الحالة، مثل قائمة صفحات الاستلام',
  'reports for the client; the SHA-256 of each is listed': 'تقارير للعميل، وبصمة SHA-256 لكل منها مدرجة',
  'project settings and list of accounts': 'إعدادات المشروع وقائمة الحسابات',
  'backup files, sealed to keys of the client': 'ملفات نسخ احتياطية مختومة بمفاتيح العميل',
  'AES-256-GCM under the credential key, each field and the list of them, before the first write':
    'AES-256-GCM بمفتاح بيانات الدخول، لكل حقل وللقائمة كلها، قبل أول كتابة',
  'wrapped under the project key (AES-256-GCM)': 'مغلَّف بمفتاح المشروع (AES-256-GCM)',
  'held in memory only': 'في الذاكرة فقط',
  'encrypted whole (SQLCipher 4: AES-256-CBC and HMAC-SHA-512) under the ledger key':
    'مشفّر بكامله (SQLCipher 4: AES-256-CBC وHMAC-SHA-512) بمفتاح الدفتر',
  'AES-256-GCM in chunks (Cobblestone-256), a key per object, under the spool key':
    'AES-256-GCM على مقاطع (Cobblestone-256)، بمفتاح لكل كائن مشتق من مفتاح النسخ المؤقتة',
  'none: no content': 'لا شيء: لا محتوى فيها',
  'sealed like the file that they were drafts of': 'مختومة كالملف الذي هي مسودته',
  'none taken for granted': 'لا يُفترض شيء',
  'none: no content of messages, no secrets': 'لا شيء: لا محتوى رسائل ولا أسرار',
  'none: no secrets': 'لا شيء: لا أسرار',
  'age, to public keys of the client: this workstation can write and not read them':
    'age بمفاتيح العميل العامة: تكتبها محطة العمل ولا تستطيع قراءتها',
  'none needed': 'لا حاجة',
  'logical deletion: overwritten once, unlinked': 'حذف منطقي: كتابة فوقية مرة واحدة ثم إزالة',
  'none was there': 'لم يوجد شيء',
  'removed; looked for afterwards and not there': 'حُذف؛ وبُحث عنه بعد ذلك فلم يوجد',
  'destroyed with the project key and its wrapped form': 'أُتلف مع مفتاح المشروع وصورته المغلَّفة',
  // Delivery and method.
  'every message ended, and every one that lies at the destination was verified there after it had landed; what did not go, and what was found, was accepted by the signatory as listed':
    'انتهى أمر كل رسالة، وتُحقق في الوجهة من كل رسالة موجودة فيها بعد وصولها؛ وما لم يُنقل أو لوحظ قبله المفوّض بالتوقيع كما هو مدرج',
  'not certified: the project was abandoned; the counts say how far it had come':
    'غير مُصدَّق عليه: أُوقف المشروع؛ وتبيّن الأعداد إلى أين وصل',
  'not certified: the project was abandoned, and the ledger could not be read any more':
    'غير مُصدَّق عليه: أُوقف المشروع، ولم يعد الدفتر مقروءًا',
  'no Clear, Purge or Destroy of the medium is claimed: the workstation stays in service, and what was sanitized is the target data on it':
    'لا يُدّعى Clear أو Purge أو Destroy للوسيط: تبقى محطة العمل في الخدمة، وما جرى تطهيره هو البيانات المستهدفة عليها',
  'the workstation stays in service; the project record without content stays, as listed under what is retained':
    'تبقى محطة العمل في الخدمة؛ ويبقى سجل المشروع بلا محتوى كما هو مدرج ضمن ما يُحتفظ به',
  // Keys and checks.
  'project key = HKDF-SHA-512(grant key, shred key); it wraps the keys of credentials, ledger, spool and intake; the grant key is sealed to operators, the shred key lies in its slot alone':
    'مفتاح المشروع = HKDF-SHA-512(مفتاح الإذن، مفتاح الإتلاف)؛ وهو يغلّف مفاتيح بيانات الدخول والدفتر والنسخ المؤقتة والاستلام؛ مفتاح الإذن مختوم للمشغّلين، ومفتاح الإتلاف في موضعه وحده',
  'none: there is no recovery key for projects, and no copy of a project key outside of the keystore':
    'لا شيء: لا يوجد مفتاح استرداد للمشاريع، ولا نسخة من مفتاح المشروع خارج مخزن المفاتيح',
  opened: 'فُتحت',
  refused: 'رُفض الفتح',
  'none was planted': 'لم توضع علامة',
  'not there': 'غير موجود',
  searched: 'جرى البحث',
  logs: 'السجلات',
  'shell history': 'سجل أوامر الطرفية',
  // Residual risks that are true of every workstation.
  'mail stores that are ends of the migration were neither searched nor touched: they are the mail, not a copy of it':
    'مخازن البريد التي هي أطراف الترحيل لم يُبحث فيها ولم تُمس: فهي البريد نفسه لا نسخة منه',
  'credentials that could not be revoked are good until the client changes them; they are named above':
    'بيانات الدخول التي تعذّر إلغاؤها تبقى صالحة إلى أن يغيّرها العميل؛ وهي مذكورة أعلاه',
  'a copy of the whole keystore that was made while the project lived, together with a passphrase, would still open copies of the project made in that time; Sealpost makes none, and marks the slots as not to be backed up':
    'نسخة من مخزن المفاتيح كله أُخذت أثناء حياة المشروع، مع عبارة المرور، تفتح نسخ المشروع المأخوذة آنذاك؛ وSealpost لا ينشئ مثلها ويعلّم مواضع المفاتيح بأنها لا تُنسخ احتياطيًا',
  'storage may keep old blocks that no program can reach (wear levelling, spare area, a virtual disk below); the shred key was split over 128,000 bytes, all of which are needed to put it together':
    'قد يحتفظ وسيط التخزين بكتل قديمة لا يبلغها أي برنامج (موازنة التآكل، المساحة الاحتياطية، قرص افتراضي)؛ وقد وُزّع مفتاح الإتلاف على 128,000 بايت لا يُجمع إلا بها كلها',
  'reports and the project files were in the clear (no mail, no secrets); they were overwritten once and unlinked, which is logical deletion':
    'كانت التقارير وملفات المشروع غير مشفّرة (بلا بريد ولا أسرار)؛ كُتب فوقها مرة واحدة ثم أُزيلت، وهذا حذف منطقي',
  'passwords were held in memory as text while connections were opened, as libraries ask for it; memory is not written to disk by Sealpost, and is given back when a process ends':
    'كانت كلمات المرور في الذاكرة نصًا أثناء فتح الاتصالات كما تطلب المكتبات؛ ولا يكتب Sealpost الذاكرة على القرص، وتُعاد عند انتهاء العملية',
  'this certificate speaks of this workstation alone: source, destination, and what providers log, are not touched':
    'تتحدث هذه الشهادة عن محطة العمل هذه وحدها: لا تُمس المصادر والوجهات ولا سجلات المزوّدين',
  // The workstation.
  'it overwrites in place': 'يكتب في الموضع نفسه',
  'whether it copies on write is unknown': 'لا يُعرف إن كان ينسخ عند الكتابة',
  'no swap is in use': 'لا ذاكرة مبادلة مستخدمة',
  'hibernation to disk is not set up': 'السبات على القرص غير مفعّل',
  'core dumps are off for this process': 'تفريغ الذاكرة معطّل لهذه العملية',
  'no sign of a synchronised folder around project or workspace': 'لا أثر لمجلد متزامن حول المشروع أو مساحة العمل',
  'whether software made backups of this workstation is unknown; the folder of shred keys is marked not to be backed up (CACHEDIR.TAG)':
    'لا يُعرف إن كان برنامج ما ينسخ محطة العمل احتياطيًا؛ ومجلد مفاتيح الإتلاف معلَّم بألا يُنسخ (CACHEDIR.TAG)',
  // Everything else that is always said.
  'no endpoint to revoke it at: the client must change it': 'لا نقطة لإلغائها لدى المزوّد: يجب على العميل تغييرها',
  'no provider is known that takes this token back: the client must revoke it':
    'لا يُعرف مزوّد يسترد هذا الرمز: يجب على العميل إلغاؤه',
  'no endpoint to revoke it at: the client must delete this key of the service account and remove its domain-wide delegation':
    'لا نقطة لإلغائه لدى المزوّد: يجب على العميل حذف مفتاح حساب الخدمة هذا وإزالة تفويضه على مستوى النطاق',
  'no endpoint to revoke it at: the client must delete this secret of the application':
    'لا نقطة لإلغائه لدى المزوّد: يجب على العميل حذف سر التطبيق هذا',
  'no endpoint to revoke it at: the client must delete this certificate of the application':
    'لا نقطة لإلغائها لدى المزوّد: يجب على العميل حذف شهادة التطبيق هذه',
  'Google answered that the token is revoked': 'أجابت Google بأن الرمز أُلغي',
  'Google answered that the token was revoked or had expired before':
    'أجابت Google بأن الرمز كان ملغى أو منتهيًا من قبل',
  'no backup made with Sealpost is kept: none was made, or none was to be handed over':
    'لا يُحتفظ بأي نسخة احتياطية أنشأها Sealpost: لم تُنشأ أي نسخة، أو لم يكن مقررًا تسليم أي منها',
  'each backup was handed over as listed; no copy is kept': 'سُلّمت كل نسخة احتياطية كما هو مدرج؛ ولا يُحتفظ بنسخة',
  'project record without content: client, signatory, dates, counts, this certificate':
    'سجل المشروع بلا محتوى: العميل والمفوّض بالتوقيع والتواريخ والأعداد وهذه الشهادة',
  'records of the workspace, encrypted': 'سجلات مساحة العمل، مشفّرة',
  'entries of the audit log: ids, numbers, who and when': 'قيود سجل التدقيق: معرّفات وأرقام ومَن ومتى',
  'audit log of the workspace': 'سجل التدقيق في مساحة العمل',
  'this certificate with its signatures': 'هذه الشهادة بتواقيعها',
  "without end: it is the client's": 'بلا نهاية: هي ملك العميل',
  'folder certificate/ of the project': 'المجلد certificate/ في المشروع',
  'none: no hold was set on this project when it was purged': 'لا شيء: لم يكن على المشروع حجز عند إتلافه',
  'not required: the workspace has one operator who can sign': 'غير مطلوبة: لمساحة العمل مشغّل واحد يحق له التوقيع',
  'head of the audit log when this certificate was composed: a C2SP checkpoint':
    'رأس سجل التدقيق عند تحرير هذه الشهادة: نقطة تحقق C2SP',
}
