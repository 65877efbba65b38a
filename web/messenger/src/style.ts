// How the messenger looks: one sheet for its shadow tree, made by script, so that a page's policy need not allow inline styles.

const SHEET = `
:host{all:initial}
.root{--accent:var(--sb-accent,#0b5cad);--on-accent:var(--sb-on-accent,#fff);--back:#fff;--text:#1c2430;--soft:#5a6575;
--line:#d5dbe3;--theirs:#eef1f5;--warn:#a3261b;--shadow:0 8px 32px rgba(20,30,50,.24);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;color:var(--text);color-scheme:light}
.dark{--accent:var(--sb-accent,#6fb1f5);--on-accent:var(--sb-on-accent,#06213d);--back:#171c24;--text:#e8ecf2;--soft:#a4b0c0;
--line:#3a4453;--theirs:#262e3a;--warn:#ff9b8f;--shadow:0 8px 32px rgba(0,0,0,.6);color-scheme:dark}
@media (prefers-color-scheme:dark){.auto{--accent:var(--sb-accent,#6fb1f5);--on-accent:var(--sb-on-accent,#06213d);--back:#171c24;
--text:#e8ecf2;--soft:#a4b0c0;--line:#3a4453;--theirs:#262e3a;--warn:#ff9b8f;--shadow:0 8px 32px rgba(0,0,0,.6);color-scheme:dark}}
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
button,textarea,input{font:inherit;color:inherit}
button{cursor:pointer}
button:disabled{cursor:default;opacity:.55}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
svg{width:24px;height:24px;fill:currentColor;flex:none}
p,h2{margin:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.launcher{position:fixed;z-index:2147483000;inset-block-end:20px;width:60px;height:60px;border:0;border-radius:50%;
background:var(--accent);color:var(--on-accent);box-shadow:var(--shadow);display:grid;place-items:center}
.launcher svg{width:28px;height:28px}
.end .launcher,.end .panel{inset-inline-end:20px}
.start .launcher,.start .panel{inset-inline-start:20px}
.badge{position:absolute;inset-block-start:-4px;inset-inline-end:-4px;min-width:24px;height:24px;padding:0 6px;border-radius:12px;
background:#b3261e;color:#fff;border:2px solid var(--back);font:600 12px/20px system-ui,sans-serif;text-align:center}
.panel{position:fixed;z-index:2147483001;inset-block-end:92px;width:380px;max-width:calc(100vw - 40px);height:600px;
max-height:calc(100vh - 112px);max-height:calc(100dvh - 112px);display:flex;flex-direction:column;background:var(--back);
border:1px solid var(--line);border-radius:16px;box-shadow:var(--shadow);overflow:hidden}
header{display:flex;align-items:center;gap:4px;padding:8px 8px 8px 16px;padding-inline:16px 8px;background:var(--accent);color:var(--on-accent)}
header :focus-visible{outline-color:var(--on-accent);outline-offset:-3px}
h2{flex:1;font-size:16px;font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.icon{display:grid;place-items:center;width:40px;height:40px;padding:0;border:0;border-radius:10px;background:none}
.icon:hover:not(:disabled){background:color-mix(in srgb,currentColor 14%,transparent)}
.ending{display:flex;align-items:center;gap:10px;padding:8px 16px;border-block-end:1px solid var(--line)}
.ending span{flex:1}
.status:not(:empty),.typing:not(:empty){padding:6px 16px;font-size:13px;color:var(--soft)}
.status:not(:empty){border-block-end:1px solid var(--line)}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:16px;min-height:80px}
.log:focus-visible{outline-offset:-3px}
.entries{display:flex;flex-direction:column;gap:10px;margin-block-start:12px}
.welcome{max-width:84%;width:fit-content}
.notice{color:var(--soft);font-size:13px;text-align:center}
.message{max-width:84%;align-self:flex-start}
.mine{align-self:flex-end}
.rich{width:84%}
.bubble{padding:9px 13px;border-radius:16px;border-end-start-radius:4px;background:var(--theirs);overflow-wrap:anywhere}
.mine .bubble{border-radius:16px;border-end-end-radius:4px;background:var(--accent);color:var(--on-accent)}
.bubble a:not(.button){color:inherit;text-decoration:underline}
.text{white-space:pre-wrap}
.foot{margin-block-start:2px;font-size:12px;color:var(--soft)}
.mine .foot{text-align:end}
.failed{color:var(--warn);font-weight:600}
.plain{padding:2px 4px;border:0;background:none;color:inherit;text-decoration:underline}
.button,.replies button,.replies a{display:inline-block;min-height:40px;padding:8px 14px;border:1px solid var(--accent);border-radius:10px;background:var(--back);
color:var(--accent);font-weight:600;text-align:center;text-decoration:none}
.button:hover:not(.off):not(:disabled),.replies button:hover{background:var(--accent);color:var(--on-accent)}
.off{border-color:var(--line);color:var(--soft)}
.vertical{display:flex;flex-direction:column;gap:8px}
.horizontal{display:flex;flex-wrap:wrap;gap:8px;align-items:stretch}
.horizontal>*{flex:1 1 0;min-width:96px}
.bold{font-weight:700}.italic{font-style:italic}.large{font-size:18px}.small{font-size:13px}
img{display:block;max-width:100%;border-radius:10px}
button.picture,a.picture{display:block;padding:0;border:0;background:none}
.strip{display:flex;gap:10px;overflow-x:auto;scroll-snap-type:x mandatory;padding-block-end:6px}
.card{flex:0 0 82%;scroll-snap-align:start;padding:10px;border:1px solid var(--line);border-radius:12px;background:var(--back)}
.turns{display:flex;justify-content:flex-end;gap:6px}
.turn{width:36px;height:36px;border:1px solid var(--line);border-radius:50%;background:var(--back);color:var(--text);font-size:20px;line-height:1}
.file{display:flex;align-items:center;flex-wrap:wrap;gap:8px;padding:0;border:0;background:none;text-align:start;max-width:100%}
.file img{max-height:180px;flex:0 0 auto}
.name{min-width:0;overflow-wrap:anywhere}
button.file .name{text-decoration:underline}
progress{width:100%;height:8px;accent-color:currentColor}
.suggestions:not(:empty){padding:4px 16px 10px}
.replies{display:flex;flex-wrap:wrap;gap:8px;max-height:148px;overflow-y:auto;padding:4px}
.composer{display:flex;align-items:flex-end;gap:6px;padding:10px;border-block-start:1px solid var(--line)}
.composer .icon{color:var(--accent)}
textarea{flex:1;min-width:0;min-height:42px;max-height:140px;padding:9px 12px;border:1px solid var(--soft);border-radius:12px;background:var(--back);resize:none}
textarea::placeholder{color:var(--soft);opacity:1}
textarea:focus-visible{outline-offset:0}
[dir=rtl] .send svg,[dir=rtl] header svg{transform:scaleX(-1)}
.rating{display:flex;flex-direction:column;gap:10px;padding:14px;border:1px solid var(--line);border-radius:14px}
fieldset{margin:0;padding:0;border:0;display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center}
legend{padding:0;font-weight:600;margin-block-end:4px}
fieldset label{display:inline-flex;align-items:center;gap:6px;min-height:32px}
.stars{gap:2px}
.star{position:relative;color:var(--line);border-radius:8px;padding:4px;-webkit-text-stroke:0}
.star svg{width:30px;height:30px;stroke:var(--soft);stroke-width:1}
.star.on{color:#e0a100}
.star input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.star:focus-within{outline:3px solid var(--accent)}
.row{display:flex;align-items:center;gap:10px}
@media (max-width:480px){.panel{inset:0!important;width:auto;max-width:none;height:100vh;height:100dvh;max-height:none;border:0;border-radius:0}
.launcher.behind{display:none}textarea{font-size:16px}}
@media (max-height:480px) and (min-width:481px){.panel{inset-block:8px;height:auto;max-height:none}.launcher.behind{display:none}}
@media (forced-colors:active){.bubble,.launcher,.badge{border:1px solid}}
`;

export function applyStyle(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style"); // browsers of before 2023
    style.textContent = SHEET;
    root.append(style);
  }
}
