import type { EnvironmentFinding } from '../core/certificate.ts'
import type { ProbeFinding } from '../core/probe.ts'

/** What to do where a finding is not good, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  'file-system': 'keep the workspace on ext4 or xfs of a local disk',
  'copy-on-write': 'keep the workspace on a file system that overwrites in place, such as ext4 or xfs',
  journal: 'mount it with data=ordered, which is the default',
  'project-file-system': 'keep the project on a local disk',
  snapshots: 'remove the snapshots, and exclude workspace and projects from new ones, before a project is made',
  'disk-encryption':
    'encrypt the whole disk (LUKS, FileVault or BitLocker); where the machine below or the disk does it, keep the proof of it',
  swap: 'switch swap off (swapoff -a, and its line in /etc/fstab), or put it on an encrypted volume or zram',
  hibernation: 'mask it (systemctl mask hibernate.target hybrid-sleep.target), or encrypt the volume it writes to',
  'core-dumps': 'install util-linux (prlimit), or set ulimit -c 0; with systemd-coredump set Storage=none',
  'sync-folder': 'move workspace and project out of the synchronised folder, and see that its copies are deleted',
  permissions: 'chmod 700 these folders, and make them yours',
  umask: 'set umask 077 in the profile of your shell',
  listeners: 'stop these services, bind them to 127.0.0.1, or close them by the firewall',
  clock: 'switch a time service on (timedatectl set-ntp true, or chrony)',
  runtime: 'start sealpost without them, and unset NODE_OPTIONS and what is named here',
  versions: 'install a release of Node that is supported (even numbers)',
  'backup-software': 'exclude workspace and projects from backups of this computer',
}

/** What to do instead where Node came with the program in one archive. */
const ADVICE_PACKED: Readonly<Record<string, string>> = {
  versions:
    'unpack an archive in its place that was made with a supported release of Node (npm run package takes the one it runs on)',
}

/** The finding together with what to do about it. */
export function withAdvice({ code, state, text }: EnvironmentFinding, nodeIsPacked: boolean): ProbeFinding {
  const advice = (nodeIsPacked ? ADVICE_PACKED[code] : undefined) ?? ADVICE[code] ?? null
  return { code, state, text, hint: state === 'good' ? null : advice }
}
