/** Runs before anything is drawn, so that a page that was made dark does not flash. A script of its own, since the policy allows none inline. */
const kept = localStorage.getItem('tuneplane-theme');
if (kept === 'light' || kept === 'dark') document.documentElement.dataset['theme'] = kept;
